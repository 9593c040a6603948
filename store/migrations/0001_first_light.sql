-- The first schema: registry, credentials, principals, the log and its head, events, alerts.
-- Times are timestamptz; engine and wire use microseconds since the epoch, converted at the edge.

-- ---------------------------------------------------------------- the head row
-- One row a partition. Whoever writes a log locks it first: this orders positions and log ids
-- by commit, fences an ingest whose epoch has passed, and tells whether a COMMIT happened.
CREATE TABLE head (
    partition  text PRIMARY KEY,
    epoch      bigint NOT NULL DEFAULT 0,
    position   bigint NOT NULL DEFAULT 0,        -- last position of the input log (events share it)
    log_id     bigint NOT NULL DEFAULT 0,        -- last id of alert_log
    chain      bytea  NOT NULL DEFAULT '\x0000000000000000000000000000000000000000000000000000000000000000',
    batch      uuid,                             -- the last batch that ingest committed
    alive_at   timestamptz                       -- until when ingest is known to have watched
);
INSERT INTO head (partition) VALUES ('main');

-- Every input of the engine that is no event. Positions are shared with event.position.
CREATE TABLE input_log (
    position    bigint PRIMARY KEY,
    kind        text NOT NULL
        CHECK (kind IN ('registry', 'rules', 'closing', 'claim', 'window', 'stall', 'device', 'watermark')),
    at          timestamptz NOT NULL,
    body        jsonb NOT NULL
);

-- ---------------------------------------------------------------- the registry
-- Rows are never deleted: removed_at keeps the history and ends the watch.
CREATE TABLE site (
    id         integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    code       text NOT NULL UNIQUE CHECK (code ~ '^[A-Za-z0-9_-]{1,64}$'),
    kind       text NOT NULL CHECK (kind IN ('home', 'institution')),
    name       text NOT NULL DEFAULT '',
    street     text NOT NULL DEFAULT '',
    community  text NOT NULL DEFAULT '',
    provider   text NOT NULL DEFAULT '',
    address    text NOT NULL DEFAULT '',
    timezone   text NOT NULL DEFAULT 'Asia/Shanghai',
    removed_at timestamptz
);
CREATE INDEX site_street ON site (street);

CREATE TABLE place (
    id         integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    site       integer NOT NULL REFERENCES site,
    code       text NOT NULL CHECK (code ~ '^[A-Za-z0-9_-]{1,64}$'),
    kind       text NOT NULL CHECK (kind IN ('door', 'room', 'bed')),
    role       text CHECK (role IN ('entrance', 'exit', 'fire_exit', 'bathroom', 'room')),
    sealed     boolean NOT NULL DEFAULT false,
    open_hours jsonb,
    removed_at timestamptz,
    UNIQUE (site, code)
);

CREATE TABLE resident (
    id         integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    code       text NOT NULL UNIQUE CHECK (code ~ '^[A-Za-z0-9_-]{1,64}$'),
    site       integer NOT NULL REFERENCES site,
    bed        integer REFERENCES place,
    name       text NOT NULL DEFAULT '',
    flags      text[] NOT NULL DEFAULT '{}',
    presence   text NOT NULL DEFAULT 'home' CHECK (presence IN ('home', 'away', 'hospital')),
    care       jsonb NOT NULL DEFAULT '{}',
    removed_at timestamptz
);
CREATE INDEX resident_site ON resident (site);
CREATE INDEX resident_bed ON resident (bed) WHERE bed IS NOT NULL;

CREATE TABLE device (
    id         integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    site       integer NOT NULL REFERENCES site,
    code       text NOT NULL CHECK (code ~ '^[A-Za-z0-9_-]{1,64}$'),
    kind       text NOT NULL CHECK (kind IN ('door_sensor', 'motion', 'bed_sensor', 'sos_button', 'fall', 'smoke', 'gas',
                   'leak', 'water_meter', 'vital', 'camera', 'gateway', 'guard')),
    make       text NOT NULL DEFAULT '',
    place      integer REFERENCES place,
    resident   integer REFERENCES resident,
    gateway    integer REFERENCES device,
    power      text CHECK (power IN ('mains', 'battery')),
    heartbeat  interval,
    since      timestamptz NOT NULL DEFAULT now(),   -- when its watch began: silence counts from here at the earliest
    removed_at timestamptz,
    UNIQUE (site, code),
    CHECK (place IS NULL OR resident IS NULL)
);
CREATE INDEX device_resident ON device (resident) WHERE resident IS NOT NULL;
CREATE INDEX device_gateway ON device (gateway) WHERE gateway IS NOT NULL;

CREATE TABLE contact (
    id         integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    code       text NOT NULL UNIQUE CHECK (code ~ '^[A-Za-z0-9_-]{1,64}$'),   -- `id` in files and over the API
    resident   integer NOT NULL REFERENCES resident,
    name       text NOT NULL DEFAULT '',
    relation   text NOT NULL DEFAULT '',
    sequence   integer NOT NULL DEFAULT 1,                                     -- `order` in files and over the API
    phone      text NOT NULL DEFAULT '',
    channels   text[] NOT NULL DEFAULT '{}',
    language   text NOT NULL DEFAULT 'zh' CHECK (language IN ('zh', 'en')),
    removed_at timestamptz
);
CREATE INDEX contact_resident ON contact (resident);

-- What a device's state is known to be; outside guarantee 1, flushed every 30 s.
CREATE TABLE device_state (
    device     integer PRIMARY KEY REFERENCES device,
    last_seen  timestamptz,
    status     text,
    liveness   text NOT NULL DEFAULT 'unknown' CHECK (liveness IN ('unknown', 'ok', 'suspect', 'offline')),
    battery    smallint,
    rssi       smallint,
    skewed     boolean NOT NULL DEFAULT false
);
CREATE TABLE heartbeat_hour (
    device     integer NOT NULL REFERENCES device,
    hour       timestamptz NOT NULL,
    beats      integer NOT NULL,
    PRIMARY KEY (device, hour)
);

-- One credential a device; new ones end the old. `version` orders changes for the broker's users file.
CREATE SEQUENCE credential_version;
CREATE TABLE credential (
    device     integer PRIMARY KEY REFERENCES device,
    username   text NOT NULL UNIQUE,
    sha256     bytea NOT NULL,
    bcrypt     text NOT NULL,
    version    bigint NOT NULL,
    issued_at  timestamptz NOT NULL
);
-- Which version the embedded broker has taken up.
CREATE TABLE broker_users (
    only_row   boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    applied    bigint NOT NULL DEFAULT 0
);
INSERT INTO broker_users DEFAULT VALUES;

-- ---------------------------------------------------------------- principals
CREATE TABLE principal (
    id          integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name        text NOT NULL UNIQUE,
    role        text NOT NULL CHECK (role IN ('admin', 'supervisor', 'duty', 'provider', 'family', 'bureau', 'installer', 'device')),
    scope       jsonb NOT NULL DEFAULT '{"district": true}',
    token_hash  bytea UNIQUE,                    -- SHA-256 of the bearer token, 256 bits of entropy
    created_at  timestamptz NOT NULL,
    expires_at  timestamptz,
    revoked_at  timestamptz
);
CREATE TABLE signin_link (
    hash        bytea PRIMARY KEY,
    principal   integer NOT NULL REFERENCES principal,
    expires_at  timestamptz NOT NULL,
    used_at     timestamptz
);
CREATE TABLE session (
    hash        bytea PRIMARY KEY,
    principal   integer NOT NULL REFERENCES principal,
    csrf        text NOT NULL,
    expires_at  timestamptz NOT NULL,
    ended_at    timestamptz
);

-- ---------------------------------------------------------------- events
-- Names of types, known and unknown. Ids below 1000 are the contract's, fixed in the code.
CREATE TABLE event_type (
    id         smallint PRIMARY KEY,
    name       text NOT NULL UNIQUE
);

-- Filled by binary COPY from one numpy structured array, so the fixed part has no nulls:
-- `at` is -infinity, `value` NaN, `seq` -1 where the device gave none. `detail` is what varies in length.
-- The position is the event's id.
CREATE TABLE event (
    position     bigint NOT NULL,
    received_at  timestamptz NOT NULL,
    at           timestamptz NOT NULL,
    effective_at timestamptz NOT NULL,
    device       integer NOT NULL,
    type         smallint NOT NULL,
    value        double precision NOT NULL,
    seq          bigint NOT NULL,
    boot         integer NOT NULL,
    flags        smallint NOT NULL,
    detail       jsonb NOT NULL
) PARTITION BY RANGE (received_at);
CREATE TABLE event_default PARTITION OF event DEFAULT;
CREATE INDEX event_position ON event (position);
CREATE INDEX event_device ON event (device, position);
CREATE INDEX event_received_at ON event USING brin (received_at) WITH (autosummarize = on);

-- A plain table: a unique index of a partitioned one must hold the partition column.
CREATE TABLE event_identity (
    key         uuid PRIMARY KEY,                -- BLAKE2b-128 of the identity
    received_at timestamptz NOT NULL
);
CREATE INDEX event_identity_received_at ON event_identity (received_at);

CREATE TABLE quarantine (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    received_at  timestamptz NOT NULL,
    topic        text NOT NULL,
    source       text NOT NULL,                  -- 'site/device' of the topic: what the cap counts
    reason       text NOT NULL,
    detail       text NOT NULL DEFAULT '',
    payload      bytea NOT NULL,                 -- cut at 4 KiB
    payload_size integer NOT NULL
);
CREATE INDEX quarantine_source ON quarantine (source, id);

-- ---------------------------------------------------------------- rules and alerts
-- Each version of a rule: its definition in the catalogue and the overrides in force with it.
CREATE TABLE rule_version (
    rule       text NOT NULL,
    version    integer NOT NULL,
    definition jsonb NOT NULL,
    overrides  jsonb NOT NULL DEFAULT '[]',
    at         timestamptz NOT NULL,
    by         text NOT NULL,
    position   bigint NOT NULL,
    PRIMARY KEY (rule, version)
);

CREATE TABLE alert (
    id             bigint PRIMARY KEY,           -- numbered by the engine, in the order of the log
    rule           text NOT NULL,
    rule_version   integer NOT NULL,
    severity       smallint NOT NULL CHECK (severity BETWEEN 1 AND 4),
    severity_since timestamptz NOT NULL,
    condition      text NOT NULL CHECK (condition IN ('active', 'cleared')),
    handling       text NOT NULL CHECK (handling IN ('inhibited', 'new', 'claimed', 'confirming', 'closed')),
    site           integer NOT NULL REFERENCES site,
    subject_kind   text NOT NULL CHECK (subject_kind IN ('site', 'place', 'resident', 'device', 'street')),
    subject        integer NOT NULL,             -- id within its table
    resident       integer REFERENCES resident,
    cause          text NOT NULL,                -- 'event:<position>' or 'since:<microseconds>'
    raised_at      timestamptz NOT NULL,         -- when it became true
    received_at    timestamptz NOT NULL,         -- when the server came to know
    cleared_at     timestamptz,
    claimed_by     integer REFERENCES principal,
    claimed_at     timestamptz,
    proposed       jsonb,                        -- outcome awaiting a second person, while confirming
    closed_by      integer REFERENCES principal, -- null: closed by itself
    closed_at      timestamptz,
    outcome        text,
    contact_made   boolean NOT NULL DEFAULT false,
    occurrences    integer NOT NULL DEFAULT 1,
    last_occurrence_at timestamptz NOT NULL,
    occurrence_logged_at timestamptz NOT NULL,
    parent         bigint REFERENCES alert DEFERRABLE INITIALLY DEFERRED, -- which explains it, or did when inhibited
    flags          text[] NOT NULL DEFAULT '{}',
    escalation_step integer NOT NULL DEFAULT 0,
    escalation_at  timestamptz,
    snoozed_until  timestamptz,
    UNIQUE (rule, subject_kind, subject, cause)
);
CREATE UNIQUE INDEX alert_one_open ON alert (rule, subject_kind, subject) WHERE handling <> 'closed';
CREATE INDEX alert_open ON alert (severity, raised_at) WHERE handling <> 'closed';
CREATE INDEX alert_site ON alert (site, id);
CREATE INDEX alert_parent ON alert (parent) WHERE parent IS NOT NULL;

-- Each time the condition of an alert happened, the first included.
CREATE TABLE occurrence (
    alert       bigint NOT NULL REFERENCES alert,
    n           integer NOT NULL,
    at          timestamptz NOT NULL,
    received_at timestamptz NOT NULL,
    position    bigint,                          -- the event, where one caused it
    PRIMARY KEY (alert, n)
);

-- The feed. Append-only, chained: chain = SHA-256(previous chain || SHA-256(body)).
-- body is canonical JSON text; free text is in it only as a salted digest, so that it stays erasable.
CREATE TABLE alert_log (
    log_id     bigint PRIMARY KEY,
    alert      bigint NOT NULL REFERENCES alert,
    change     text NOT NULL,
    at         timestamptz NOT NULL,
    by         text NOT NULL,                    -- principal's name, or 'system'
    body       text NOT NULL,
    chain      bytea NOT NULL
);
CREATE INDEX alert_log_alert ON alert_log (alert, log_id);
CREATE TABLE alert_note (
    log_id     bigint PRIMARY KEY REFERENCES alert_log,
    salt       bytea NOT NULL,
    text       text NOT NULL
);
CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION '% is append-only', TG_TABLE_NAME; END $$;
CREATE TRIGGER alert_log_append_only BEFORE UPDATE OR DELETE ON alert_log
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER input_log_append_only BEFORE UPDATE OR DELETE ON input_log
    FOR EACH ROW EXECUTE FUNCTION refuse_change();

-- An alert with the names of all that it refers to: what is read of it, wherever.
CREATE VIEW alert_told AS
SELECT a.id, a.rule, a.rule_version, v.definition -> 'name' AS name, v.definition -> 'advice' AS advice, a.severity,
       a.severity_since, a.condition, a.handling, s.code AS site, s.street, s.timezone, a.subject_kind,
       CASE a.subject_kind WHEN 'site' THEN s.code WHEN 'place' THEN l.code WHEN 'device' THEN d.code ELSE u.code END
           AS subject_code,
       r.code AS resident, coalesce(cardinality(r.flags), 0) AS risk, a.raised_at, a.received_at, a.cleared_at,
       p.name AS claimed_by, a.claimed_at, a.closed_at, a.outcome, a.occurrences, a.last_occurrence_at,
       a.escalation_step, a.escalation_at, a.flags
  FROM alert a
  JOIN site s ON s.id = a.site
  JOIN rule_version v ON v.rule = a.rule AND v.version = a.rule_version
  LEFT JOIN place l ON a.subject_kind = 'place' AND l.id = a.subject
  LEFT JOIN device d ON a.subject_kind = 'device' AND d.id = a.subject
  LEFT JOIN resident u ON a.subject_kind = 'resident' AND u.id = a.subject
  LEFT JOIN resident r ON r.id = a.resident
  LEFT JOIN principal p ON p.id = a.claimed_by;

-- ---------------------------------------------------------------- parts
-- What each running part last said of itself; /readyz and the desk read it.
CREATE TABLE part (
    name       text PRIMARY KEY,
    at         timestamptz NOT NULL,
    ok         boolean NOT NULL,
    detail     jsonb NOT NULL DEFAULT '{}'
);
