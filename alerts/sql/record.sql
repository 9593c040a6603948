-- name: alerts_by_id
-- Alerts as they stand, with the names of who holds them.
SELECT a.id, a.rule, a.rule_version, a.severity, a.severity_since, a.condition, a.handling, a.site, a.subject_kind,
       a.subject, a.resident, a.cause, a.raised_at, a.received_at, a.cleared_at, a.claimed_by, p.name AS claimed_name,
       a.claimed_at, a.proposed, a.closed_by, a.closed_at, a.outcome, a.contact_made, a.occurrences,
       a.last_occurrence_at, a.occurrence_logged_at, a.flags, a.escalation_step, a.escalation_at, a.snoozed_until,
       a.parent
  FROM alert a
  LEFT JOIN principal p ON p.id = a.claimed_by
 WHERE a.id = ANY(%(ids)s)

-- name: acted_after
-- The last of what people did with these alerts, as the engine is told of it, after a position of the log.
SELECT (body ->> 'alert')::bigint AS alert, max(position) AS position
  FROM input_log
 WHERE position > %(position)s AND kind IN ('claim', 'closing') AND (body ->> 'alert')::bigint = ANY(%(ids)s)
 GROUP BY 1

-- name: record_standing
-- What changed of alerts that were there before. It goes first: what closes makes room for what is raised anew.
UPDATE alert a
   SET rule_version = n.rule_version, severity = n.severity, severity_since = n.severity_since,
       condition = n.condition, handling = n.handling, cleared_at = n.cleared_at, claimed_by = n.claimed_by,
       claimed_at = n.claimed_at, proposed = nullif(n.proposed, 'null'), closed_by = n.closed_by, closed_at = n.closed_at,
       outcome = n.outcome, contact_made = n.contact_made, occurrences = n.occurrences,
       last_occurrence_at = n.last_occurrence_at, occurrence_logged_at = n.occurrence_logged_at, flags = n.flags,
       escalation_step = n.escalation_step, escalation_at = n.escalation_at, snoozed_until = n.snoozed_until,
       parent = n.parent
  FROM jsonb_to_recordset(%(alerts)s) AS n(
        id bigint, rule_version integer, severity smallint, severity_since timestamptz, condition text, handling text,
        cleared_at timestamptz, claimed_by integer, claimed_at timestamptz, proposed jsonb, closed_by integer,
        closed_at timestamptz, outcome text, contact_made boolean, occurrences integer, last_occurrence_at timestamptz,
        occurrence_logged_at timestamptz, flags text[], escalation_step integer, escalation_at timestamptz,
        snoozed_until timestamptz, parent bigint)
 WHERE a.id = n.id

-- name: record
-- All else that a transaction found or did: new alerts, occurrences, the log and what people wrote. Returns the alerts
-- whose cause was used before: they get one of their own, since what is found must never stop the watch.
WITH raised AS (
    INSERT INTO alert (id, rule, rule_version, severity, severity_since, condition, handling, site, subject_kind,
           subject, resident, cause, raised_at, received_at, cleared_at, claimed_by, claimed_at, proposed, closed_by,
           closed_at, outcome, contact_made, occurrences, last_occurrence_at, occurrence_logged_at, flags,
           escalation_step, escalation_at, snoozed_until, parent)
    SELECT id, rule, rule_version, severity, severity_since, condition, handling, site, subject_kind,
           subject, resident,
           cause || CASE WHEN EXISTS (SELECT 1 FROM alert a
                                       WHERE a.rule = n.rule AND a.subject_kind = n.subject_kind
                                         AND a.subject = n.subject AND a.cause = n.cause)
                         THEN '#' || id ELSE '' END,
           raised_at, received_at, cleared_at, claimed_by, claimed_at, nullif(proposed, 'null'),
           closed_by, closed_at, outcome, contact_made, occurrences, last_occurrence_at, occurrence_logged_at, flags,
           escalation_step, escalation_at, snoozed_until, parent
      FROM jsonb_to_recordset(%(raised)s) AS n(
        id bigint, rule text, rule_version integer, severity smallint, severity_since timestamptz, condition text,
        handling text, site integer, subject_kind text, subject integer, resident integer, cause text,
        raised_at timestamptz, received_at timestamptz, cleared_at timestamptz, claimed_by integer,
        claimed_at timestamptz, proposed jsonb, closed_by integer, closed_at timestamptz, outcome text,
        contact_made boolean, occurrences integer, last_occurrence_at timestamptz, occurrence_logged_at timestamptz,
        flags text[], escalation_step integer, escalation_at timestamptz, snoozed_until timestamptz, parent bigint)
     ORDER BY id
    RETURNING id, rule, cause
), happened AS (
    INSERT INTO occurrence (alert, n, at, received_at, position)
    SELECT alert, n, at, received_at, position
      FROM jsonb_to_recordset(%(occurrences)s)
           AS o(alert bigint, n integer, at timestamptz, received_at timestamptz, position bigint)
), logged AS (
    INSERT INTO alert_log (log_id, alert, change, at, by, body, chain)
    SELECT log_id, alert, change, at, by, body, decode(chain, 'hex')
      FROM jsonb_to_recordset(%(log)s)
           AS l(log_id bigint, alert bigint, change text, at timestamptz, by text, body text, chain text)
     ORDER BY log_id
), noted AS (
    INSERT INTO alert_note (log_id, salt, text)
    SELECT log_id, decode(salt, 'hex'), text
      FROM jsonb_to_recordset(%(notes)s) AS w(log_id bigint, salt text, text text)
)
SELECT id, rule FROM raised WHERE cause LIKE '%%#' || id
