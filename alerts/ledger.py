"""Alerts without a database: findings in, documents out, made by the same transitions as the stored ones."""

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from alerts.documents import alert_document
from alerts.findings import SUBJECTS, Change, Finding
from alerts.read import NEWEST_EVIDENCE
from alerts.transitions import Alert, found, raised

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """What documents call things: rows of the registry by table and id, definitions by rule and version."""

    registry: Mapping[str, Mapping[int, Row]]
    rules: Mapping[tuple[str, int], Row]


@dataclass(slots=True)
class _Happened:
    """The events of the first occurrence and of the newest."""

    first: int | None
    newest: deque[tuple[int, int | None]] = field(default_factory=lambda: deque(maxlen=NEWEST_EVIDENCE))

    def events(self) -> list[int]:
        told = [(1, self.first), *((n, event) for n, event in self.newest if n > 1)]
        return [event for _, event in told if event is not None]


class Ledger:
    """The alerts so far, by number."""

    def __init__(self) -> None:
        self.alerts: dict[int, Alert] = {}
        self._happened: dict[int, _Happened] = {}

    def take(self, findings: Iterable[Finding]) -> None:
        """Take in what the engine found, in order."""
        for finding in findings:
            fresh = finding.change is Change.RAISED
            decision = raised(finding) if fresh else found(self.alerts[finding.alert], finding)
            if decision.alert is None:
                raise ValueError("a finding leaves an alert")
            alert = self.alerts[finding.alert] = decision.alert
            if fresh:
                self._happened[alert.id] = _Happened(finding.event)
            if fresh or finding.change is Change.OCCURRENCE:
                self._happened[alert.id].newest.append((alert.occurrences, finding.event))

    def documents(self, names: Names) -> Iterator[dict[str, Any]]:
        """Every alert as the API tells it, in the order of their numbers."""
        inhibits: dict[int, list[int]] = {}
        for number, alert in sorted(self.alerts.items()):
            if alert.parent is not None:
                inhibits.setdefault(alert.parent, []).append(number)
        for number, alert in sorted(self.alerts.items()):
            evidence = self._happened[number].events()
            yield alert_document(_told(alert, names), evidence, inhibits.get(number, []))


def _told(alert: Alert, names: Names) -> dict[str, Any]:
    """The row of an alert with the names of what it refers to, as the database's own view has it."""
    registry, rule = names.registry, names.rules[alert.rule, alert.rule_version]
    site = registry["site"][alert.site]
    resident = None if alert.resident is None else registry["resident"][alert.resident]["code"]
    return {
        **asdict(alert),
        "name": rule["name"],
        "advice": rule["advice"],
        "site": site["code"],
        "timezone": site["timezone"],
        "subject_code": registry[SUBJECTS[alert.subject_kind].word][alert.subject]["code"],
        "resident": resident,
        "claimed_by": alert.claimed_name,
        "proposed_by": None if alert.proposed is None else alert.proposed["name"],
    }
