"""The rule catalogue: what ships is right, and what is wrong is named."""

import pytest

from alerts.catalogue import load_catalogue
from alerts.rule_reader import CatalogueError
from devices.durations import MINUTE

RULE = """
[[rule]]
code = "D-03"
name = { zh = "门未关", en = "Left open" }
primitive = "held"
subject = "place"
state = "open"
after = "10min"
severity = "P3"
night = { between = ["23:00", "06:00"], after = "5min", severity = "P2" }
clear = { state = "closed" }
advice = { zh = ["一", "二"], en = ["one", "two"] }
"""


def test_the_shipped_catalogue() -> None:
    """It holds the first rules, with names and two to five steps of advice in both languages."""
    rules = load_catalogue()
    assert list(rules) == ["S-01", "D-03", "H-04"]
    for rule in rules.values():
        assert set(rule.name) == set(rule.advice) == {"zh", "en"}
        assert len(rule.advice["zh"]) == len(rule.advice["en"])
    assert [(s.after // MINUTE, s.severity, s.outside) for s in rules["D-03"].steps] == [(10, 3, True), (5, 2, False)]
    assert rules["S-01"].never_suppressed
    assert not rules["S-01"].settable


@pytest.mark.parametrize(
    ("old", "new", "key"),
    [
        ('after = "10min"\n', 'after = "10 minutes"\n', "after"),
        ('after = "10min"\n', "after = 600\n", "after"),
        ('after = "10min"\n', 'after = "0s"\n', "after"),
        ('after = "10min"\n', "", "after"),
        ('after = "10min"\n', 'after = "10min"\nafterwards = "1h"\n', "afterwards"),
        ('severity = "P3"', 'severity = "P0"', "severity"),
        ('severity = "P3"', "severity = 3", "severity"),
        ('"06:00"]', '"23:00"]', "night.between"),
        ('"06:00"]', '"24:00"]', "night.between"),
        ('"06:00"]', '"6:00"]', "night.between"),
        ('["23:00", "06:00"]', '"23:00-06:00"', "night.between"),
        ('after = "5min", ', "", "night.after"),
        ('after = "5min", ', 'after = "5m", ', "night.after"),
        ('after = "5min", ', 'after = "5min", until = 3, ', "night.until"),
        ('primitive = "held"', 'primitive = "hold"', "primitive"),
        ('subject = "place"', 'subject = "device"', "subject"),
        ('subject = "place"', 'subject = "street"', "subject"),
        ('state = "open"', 'state = "ajar"', "state"),
        ('clear = { state = "closed" }', 'clear = "person"', "clear"),
        ('["one", "two"]', '["one"]', "advice.en"),
        ('["one", "two"]', '["one", 2]', "advice.en"),
        ('zh = "门未关", ', "", "name.zh"),
        ('zh = "门未关"', 'zh = "门未关", fr = "ouverte"', "name.fr"),
        ('state = "open"', 'state = "open"\nroles = ["window"]', "roles"),
        ('state = "open"', 'state = "open"\nroles = []', "roles"),
        ('subject = "place"', 'subject = "place"\nnever_suppressed = "yes"', "never_suppressed"),
        ("[[rule]]", "[[rules]]", "rules"),
        (RULE, RULE + RULE, "code"),
    ],
)
def test_what_is_wrong_is_named(old: str, new: str, key: str) -> None:
    """The error names file, rule and key."""
    assert old in RULE
    with pytest.raises(CatalogueError) as error:
        load_catalogue(RULE.replace(old, new, 1), file="mine.toml")
    assert error.value.key == key
    assert str(error.value).startswith("mine.toml: rule ")


def test_what_is_no_toml_is_said_so() -> None:
    """A broken file names itself."""
    with pytest.raises(CatalogueError, match=r"^mine\.toml: .*no TOML"):
        load_catalogue("[[rule", file="mine.toml")
