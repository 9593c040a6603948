"""Which alerts a scenario expects, and how those that were seen differ."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any


@dataclass(frozen=True, kw_only=True, slots=True)
class Expected:
    """One alert. None means that any will do; `after` is since the scenario began.

    `severity` holds one or more words. `may`: it may be there, any number of times, and need not.
    `known`: expected only where the server has the rule. `occurrences` are at least so many.
    """

    rule: str
    site: str | None = None
    subject: tuple[str, str] | None = None
    severity: tuple[str, ...] = ()
    after: timedelta | None = None
    tolerance: timedelta = timedelta(seconds=5)
    occurrences: int = 1
    cleared: bool | None = None
    may: bool = False
    known: bool = False

    def document(self, began: datetime) -> dict[str, Any]:
        """As it stands beside a recording."""
        known = {
            "rule": self.rule,
            "severity": list(self.severity) or None,
            "site": self.site,
            "subject": None if self.subject is None else {"kind": self.subject[0], "code": self.subject[1]},
            "at": None if self.after is None else (began + self.after).isoformat(),
            "tolerance_s": self.tolerance.total_seconds(),
            "may": self.may or None,
        }
        return {key: value for key, value in known.items() if value is not None}


@dataclass(frozen=True, kw_only=True, slots=True)
class Difference:
    """`missing`, `unexpected` or `wrong`, in a sentence, with the alert's number where there is one."""

    kind: str
    said: str
    alert: int | None = None


def compare(
    expected: Sequence[Expected], alerts: Sequence[Mapping[str, Any]], *, began: datetime, rules: frozenset[str]
) -> list[Difference]:
    """How the alerts differ from the expected ones; each alert answers one expectation. `rules`: the server's own."""
    left = {alert["id"]: alert for alert in alerts}
    found: list[Difference] = []
    wanted = [e for e in expected if not e.may and (e.rule in rules or not e.known)]
    for one, alert in _paired(wanted, left, began):
        if alert is None:
            found.append(Difference(kind="missing", said=_described(one, began)))
        elif wrong := _wrong(one, alert, began):
            said = f"{_shown(alert, began)}: {', '.join(wrong)}"
            found.append(Difference(kind="wrong", said=said, alert=alert["id"]))
    allowed = [e for e in expected if e.may]
    strange = [
        alert for alert in left.values() if not any(_about(e, alert) and not _wrong(e, alert, began) for e in allowed)
    ]
    found += [Difference(kind="unexpected", said=_shown(alert, began), alert=alert["id"]) for alert in strange]
    return found


def _paired(
    wanted: Sequence[Expected], left: dict[int, Mapping[str, Any]], began: datetime
) -> list[tuple[Expected, Mapping[str, Any] | None]]:
    """Each expectation with the alert that answers it best; what is taken is no longer `left`."""
    pairs: list[tuple[Expected, Mapping[str, Any] | None]] = []
    for one in sorted(wanted, key=lambda e: (e.after is None, e.after or timedelta(), e.subject is None)):
        fitting = [alert for alert in left.values() if _about(one, alert)]
        best = min(fitting, key=lambda alert: (len(_wrong(one, alert, began)), _off(one, alert, began)), default=None)
        if best is not None:
            del left[best["id"]]
        pairs.append((one, best))
    return pairs


def _about(one: Expected, alert: Mapping[str, Any]) -> bool:
    subject = (alert["subject"]["kind"], alert["subject"]["code"])
    return (
        alert["rule"] == one.rule
        and one.site in {None, alert["site"]}
        and (one.subject is None or one.subject == subject)
    )


def _off(one: Expected, alert: Mapping[str, Any], began: datetime) -> timedelta:
    """How far from the expected moment the alert was true."""
    if one.after is None:
        return timedelta()
    return abs(datetime.fromisoformat(alert["raised_at"]) - began - one.after)


def _wrong(one: Expected, alert: Mapping[str, Any], began: datetime) -> list[str]:
    wrong = []
    if one.severity and alert["severity"] not in one.severity:
        wrong.append(f"severity {alert['severity']} instead of {' or '.join(one.severity)}")
    if _off(one, alert, began) > one.tolerance:
        wrong.append(f"expected at {_clock(one.after)} ± {one.tolerance.total_seconds():g} s")
    if alert["occurrences"] < one.occurrences:
        wrong.append(f"{alert['occurrences']} occurrences instead of {one.occurrences}")
    if one.cleared is not None and (alert["condition"] == "cleared") != one.cleared:
        wrong.append(f"{alert['condition']}, expected {'cleared' if one.cleared else 'active'}")
    return wrong


def _described(one: Expected, began: datetime) -> str:
    words = [one.rule, *one.severity]
    words += [f"on {one.site}"] if one.site else []
    words += [f"{one.subject[0]} {one.subject[1]}"] if one.subject else []
    words += [f"at {_clock(one.after)} ({(began + one.after).isoformat(timespec='seconds')})"] if one.after else []
    return " ".join(words)


def _shown(alert: Mapping[str, Any], began: datetime) -> str:
    subject = f"{alert['subject']['kind']} {alert['subject']['code']}"
    since = datetime.fromisoformat(alert["raised_at"]) - began
    return f"{alert['rule']} {alert['severity']} on {alert['site']} {subject} at {_clock(since)} (alert {alert['id']})"


def _clock(moment: timedelta | None) -> str:
    """Since the beginning: `+01:02:03.4`."""
    if moment is None:
        return "any time"
    tenths = round(abs(moment) / timedelta(milliseconds=100))
    rest, sign = divmod(tenths, 600), "-" if moment < timedelta() else "+"
    return f"{sign}{rest[0] // 60:02}:{rest[0] % 60:02}:{rest[1] / 10:04.1f}"
