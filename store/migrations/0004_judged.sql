-- How far the log is judged: what the engine finds up to here is written. People put closings, rules and registry
-- changes into the log by themselves; a start must write what comes of those after this position, not merely read them.
ALTER TABLE head ADD COLUMN judged bigint NOT NULL DEFAULT 0;
UPDATE head SET judged = position;
ALTER TABLE head ADD CONSTRAINT head_judged CHECK (judged <= position);
