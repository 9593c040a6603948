"""Expected alerts against seen ones: what is missing, what is wrong, what is one too many."""

from datetime import UTC, datetime, timedelta
from typing import Any

from simulators.acts import seconds
from simulators.expected import Expected, compare

BEGAN = datetime(2026, 11, 23, tzinfo=UTC)
PRESS = Expected(rule="S-01", site="h", subject=("resident", "r"), severity=("P1",), after=seconds(10))


def alert(number: int = 1, **more: Any) -> dict[str, Any]:
    return {
        "id": number,
        "rule": "S-01",
        "severity": "P1",
        "condition": "active",
        "site": "h",
        "subject": {"kind": "resident", "code": "r"},
        "raised_at": (BEGAN + timedelta(seconds=11)).isoformat(),
        "occurrences": 1,
        **more,
    }


def differences(expected: list[Expected], *alerts: dict[str, Any]) -> list[str]:
    found = compare(expected, alerts, began=BEGAN, rules=frozenset({"S-01", "D-03"}))
    return [f"{one.kind}: {one.said}" for one in found]


def test_what_is_expected_and_seen_is_no_difference() -> None:
    """Rule, subject, severity, and a time within the tolerance."""
    assert differences([PRESS], alert()) == []


def test_missing() -> None:
    """Told with all that was expected of it."""
    assert differences([PRESS]) == ["missing: S-01 P1 on h resident r at +00:00:10.0 (2026-11-23T00:00:10+00:00)"]


def test_unexpected() -> None:
    """One alert answers one expectation: the nearest."""
    other = alert(2, raised_at=(BEGAN + timedelta(seconds=40)).isoformat())
    assert differences([PRESS], other, alert()) == ["unexpected: S-01 P1 on h resident r at +00:00:40.0 (alert 2)"]


def test_wrong_time_severity_occurrences_condition() -> None:
    """Each is told as what it is, beside what was expected."""
    seen = alert(severity="P2", raised_at=(BEGAN + timedelta(seconds=20)).isoformat())
    strict = Expected(rule="S-01", severity=("P1",), after=seconds(10), occurrences=2, cleared=True)
    assert differences([strict], seen) == [
        (
            "wrong: S-01 P2 on h resident r at +00:00:20.0 (alert 1): severity P2 instead of P1, "
            "expected at +00:00:10.0 ± 5 s, 1 occurrences instead of 2, active, expected cleared"
        )
    ]


def test_what_may_be_need_not_be() -> None:
    """Any number of them, of no other severity."""
    may = Expected(rule="S-01", severity=("P3", "P4"), may=True)
    assert differences([may]) == []
    assert differences([may], alert(severity="P3"), alert(2, severity="P4")) == []
    assert len(differences([may], alert())) == 1


def test_a_rule_that_the_server_does_not_have_yet() -> None:
    """`known` expectations wait for their rule; the others do not."""
    coming = Expected(rule="H-01", known=True)
    assert differences([coming]) == []
    assert differences([Expected(rule="H-01")]) == ["missing: H-01"]
