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
off_hours = { after = "0s", severity = "P2" }
sites = ["institution"]
advice = { zh = ["一", "二"], en = ["one", "two"] }
[[rule.when]]
flag = "dementia"
set = { severity = "P1", "off_hours.after" = "1min" }
"""
OTHERS = """
[[rule]]
code = "H-05"
name = { zh = "防拆", en = "Tamper" }
primitive = "held"
subject = "device"
state = "tampered"
after = "0s"
severity = "P3"
clear = { state = "restored" }
advice = { zh = ["一", "二"], en = ["one", "two"] }
[[rule.when]]
power = "mains"
set = { severity = "P2" }
[[rule]]
code = "H-02"
name = { zh = "离线", en = "Offline" }
primitive = "silent"
subject = "device"
kinds = ["leak"]
after = "1s"
severity = "P3"
clear = "heard"
advice = { zh = ["一", "二"], en = ["one", "two"] }
[[rule]]
code = "E-01"
name = { zh = "烟", en = "Smoke" }
primitive = "event"
subject = "site"
on = ["smoke.detected"]
ends = ["smoke.cleared"]
severity = "P1"
clear = "person"
never_suppressed = true
advice = { zh = ["一", "二"], en = ["one", "two"] }
[[rule]]
code = "E-03"
name = { zh = "水", en = "Flood" }
primitive = "held"
subject = "place"
otherwise = "site"
state = "wet"
after = "60s"
severity = "P2"
clear = { state = "dry" }
advice = { zh = ["一", "二"], en = ["one", "two"] }
[[rule]]
code = "B-01"
name = { zh = "床", en = "Bed" }
primitive = "sequence"
subject = "resident"
presence = ["home"]
first = { on = ["bed.left", "motion.detected"], at = ["bathroom"] }
then = { on = ["motion.detected"], not_at = ["bathroom"] }
kinds = ["bed_sensor"]
after = "30min"
between = ["23:00", "06:00"]
whole = true
severity = "P2"
clear = "then"
advice = { zh = ["一", "二"], en = ["one", "two"] }
[[rule]]
code = "D-05"
name = { zh = "门", en = "Door" }
primitive = "count"
subject = "place"
roles = ["entrance"]
presence = ["home", "away"]
first = { on = ["door.opened"] }
times = 3
within = "60min"
quiet = "1h"
severity = "P3"
clear = "quiet"
advice = { zh = ["一", "二"], en = ["one", "two"] }
"""


def test_the_shipped_catalogue() -> None:
    """It holds the rules, with names and two to five steps of advice in both languages."""
    rules = load_catalogue()
    assert list(rules) == [
        "S-01", "S-04", "D-03", "H-04", "E-01", "E-02", "E-03", "D-06", "D-07", "D-01", "D-02", "D-05", "B-01", "B-03",
        "B-02", "H-01", "H-02", "H-03", "H-05", "I-03", "A-01",
    ]  # fmt: skip
    for rule in rules.values():
        assert set(rule.name) == set(rule.advice) == {"zh", "en"}
        assert len(rule.advice["zh"]) == len(rule.advice["en"])
    assert [(s.after // MINUTE, s.severity, s.outside) for s in rules["D-03"].steps] == [(10, 3, True), (5, 2, False)]
    assert rules["S-01"].never_suppressed
    assert {code for code, rule in rules.items() if not rule.settable} == {"S-01", "S-04", "E-01", "E-02"}
    assert {code for code, rule in rules.items() if rule.inhibits} == {"D-06", "D-07"}


@pytest.mark.parametrize(
    ("old", "new", "key"),
    [
        ('after = "10min"\n', 'after = "10 minutes"\n', "after"),
        ('after = "10min"\n', "after = 600\n", "after"),
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
        ('off_hours = { after = "0s", ', "off_hours = { ", "off_hours.after"),
        ('off_hours = { after = "0s"', 'off_hours = { between = ["1", "2"], after = "0s"', "off_hours.between"),
        ('sites = ["institution"]', 'sites = ["hotel"]', "sites"),
        ('sites = ["institution"]', "sealed = 1", "sealed"),
        ('sites = ["institution"]', 'otherwise = "site"', "otherwise"),
        ('sites = ["institution"]', 'ends = ["door.closed"]', "ends"),
        ('sites = ["institution"]', 'inhibits = ["D-03"]', "inhibits"),
        ('sites = ["institution"]', 'inhibits = ["D-99"]', "inhibits"),
        ('sites = ["institution"]', 'inhibits = "D-99"', "inhibits"),
        ('flag = "dementia"', 'flag = "deaf"', "when.0.flag"),
        ('flag = "dementia"', 'power = "mains"', "when.0.power"),
        ('flag = "dementia"', 'colour = "red"', "when.0.colour"),
        ('flag = "dementia"\n', "", "when.0"),
        ('set = { severity = "P1", "off_hours.after" = "1min" }', "set = {}", "when.0.set"),
        ('set = { severity = "P1", "off_hours.after" = "1min" }', "set = 3", "when.0.set"),
        ('set = { severity = "P1"', 'set = { severity = "P7"', "when.0.set.severity"),
        ('set = { severity = "P1"', 'set = { off_hours = "1min"', "when.0.set.off_hours"),
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


@pytest.mark.parametrize(
    ("old", "new", "key"),
    [
        ('state = "tampered"\n', 'state = "tampered"\nroles = ["exit"]\n', "roles"),
        ('state = "tampered"\n', 'state = "tampered"\noff_hours = { after = "0s", severity = "P2" }\n', "off_hours"),
        ('subject = "device"\nstate', 'subject = "place"\nstate', "subject"),
        ('state = "restored"', 'state = "closed"', "clear"),
        ('power = "mains"', 'power = "solar"', "when.0.power"),
        ('after = "1s"', 'after = "0s"', "after"),
        ('kinds = ["leak"]', 'kinds = ["leek"]', "kinds"),
        ('ends = ["smoke.cleared"]', 'ends = ["smoke.detected"]', "ends"),
        ('ends = ["smoke.cleared"]', "ends = []", "ends"),
        ('subject = "site"', 'subject = "place"', "subject"),
        ('otherwise = "site"', 'otherwise = "device"', "otherwise"),
        ('state = "wet"', 'state = "wet"\nsealed = true', "sealed"),
        ('state = "wet"', 'state = "wet"\ninhibits = ["E-01"]', "inhibits"),
        ('state = "wet"', 'state = "wet"\ninhibits = ["H-05"]', "inhibits"),
        ('state = "wet"', 'state = "wet"\nwhole = true', "whole"),
        ('on = ["bed.left", ', 'on = ["bed.gone", ', "first.on"),
        ('on = ["bed.left", "motion.detected"], ', "", "first.on"),
        ('first = { on = ["bed.left", "motion.detected"], at = ["bathroom"] }\n', "", "first"),
        ("first = {", 'first = { place = "bed",', "first.place"),
        ("first = {", 'first = { not_at = ["room"],', "first.not_at"),
        ('not_at = ["bathroom"]', 'not_at = ["kitchen"]', "then.not_at"),
        (', not_at = ["bathroom"]', "", "then.on"),
        ('not_at = ["bathroom"]', 'at = ["bathroom", "room"]', "then.on"),
        ('kinds = ["bed_sensor"]', "kinds = []", "kinds"),
        ('presence = ["home"]', 'presence = ["out"]', "presence"),
        ('between = ["23:00", "06:00"]', 'between = ["23:00", "23:00"]', "between"),
        ('between = ["23:00", "06:00"]\n', "", "whole"),
        ("whole = true", 'whole = "yes"', "whole"),
        ("whole = true", "whole = true\nsteps = []", "whole"),
        ("whole = true", 'steps = [{ after = "20min", severity = "P1" }]', "steps"),
        ('clear = "then"', 'clear = "person"', "clear"),
        ("times = 3", "times = 1", "times"),
        ("times = 3", "times = 101", "times"),
        ("times = 3", "times = true", "times"),
        ("times = 3", 'times = "3"', "times"),
        ("times = 3\n", "", "times"),
        ('within = "60min"', 'within = "0s"', "within"),
        ('within = "60min"', 'within = "an hour"', "within"),
        ('quiet = "1h"\n', "", "quiet"),
        ('clear = "quiet"', 'clear = "then"', "clear"),
        ('roles = ["entrance"]', 'roles = ["bathtub"]', "roles"),
        ('on = ["door.opened"]', 'on = ["door.ajar"]', "first.on"),
        ('subject = "resident"', 'subject = "site"', "subject"),
    ],
)
def test_what_is_wrong_with_other_kinds_of_rules_is_named(old: str, new: str, key: str) -> None:
    """Keys of one primitive or state are none of another's; nobody inhibits what is never suppressed."""
    assert old in OTHERS
    load_catalogue(OTHERS)
    with pytest.raises(CatalogueError) as error:
        load_catalogue(OTHERS.replace(old, new, 1), file="mine.toml")
    assert error.value.key == key


def test_who_inhibits_is_not_inhibited() -> None:
    """One level of inhibition: a chain is refused."""
    flood = OTHERS[OTHERS.index('[[rule]]\ncode = "E-03"') : OTHERS.index('[[rule]]\ncode = "B-01"')]
    chain = "".join(
        flood.replace("E-03", f"E-{n}").replace('state = "wet"', f'state = "wet"\ninhibits = ["E-{n + 1}"]')
        for n in (10, 11)
    )
    with pytest.raises(CatalogueError, match="one level"):
        load_catalogue(chain + flood.replace("E-03", "E-12"))


def test_what_is_no_toml_is_said_so() -> None:
    """A broken file names itself."""
    with pytest.raises(CatalogueError, match=r"^mine\.toml: .*no TOML"):
        load_catalogue("[[rule", file="mine.toml")
