-- Who proposed an outcome is told with the alert: whoever did cannot be the second person who confirms it.
CREATE OR REPLACE VIEW alert_told AS
SELECT a.id, a.rule, a.rule_version, v.definition -> 'name' AS name, v.definition -> 'advice' AS advice, a.severity,
       a.severity_since, a.condition, a.handling, s.code AS site, s.street, s.timezone, a.subject_kind,
       CASE a.subject_kind WHEN 'site' THEN s.code WHEN 'place' THEN l.code WHEN 'device' THEN d.code ELSE u.code END
           AS subject_code,
       r.code AS resident, coalesce(cardinality(r.flags), 0) AS risk, a.raised_at, a.received_at, a.cleared_at,
       p.name AS claimed_by, a.claimed_at, a.closed_at, a.outcome, a.occurrences, a.last_occurrence_at,
       a.escalation_step, a.escalation_at, a.flags, a.proposed ->> 'name' AS proposed_by
  FROM alert a
  JOIN site s ON s.id = a.site
  JOIN rule_version v ON v.rule = a.rule AND v.version = a.rule_version
  LEFT JOIN place l ON a.subject_kind = 'place' AND l.id = a.subject
  LEFT JOIN device d ON a.subject_kind = 'device' AND d.id = a.subject
  LEFT JOIN resident u ON a.subject_kind = 'resident' AND u.id = a.subject
  LEFT JOIN resident r ON r.id = a.resident
  LEFT JOIN principal p ON p.id = a.claimed_by;
