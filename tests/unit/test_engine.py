"""Alert behaviour as timelines on the log's own clock."""

from alerts.findings import Change
from devices.columns import FLAG_STATELESS, NO_TIME
from tests.engine_parts import CAMERA, DOOR, HOME, MINUTE, SECOND_DOOR, SOS, at, rules_entry, started, told


def test_one_late_watermark_fires_in_due_order() -> None:
    """What several small watermarks would fire, one large one fires in the same order."""
    line = started()
    line.push(DOOR, "door.opened", at("22:40"))
    line.push(SECOND_DOOR, "door.opened", at("22:45"))
    found = line.tick(at("23:30"))
    assert told(found) == ["raised P3 22:50", "raised P3 22:55", "severity P2 23:00", "severity P2 23:00"]
    assert [f.alert for f in found] == [1, 2, 1, 2]


def test_a_door_that_closes_too_late_raises_without_a_watermark() -> None:
    """A deadline before the closing fires before it: a backlog is judged by its own times."""
    line = started()
    line.push(DOOR, "door.opened", at("10:00"))
    found = line.push(DOOR, "door.closed", at("10:30"))
    assert told(found) == ["raised P3 10:10", "cleared P3 10:30", "closed P3 10:30"]


def test_a_closing_in_time_told_last_raises_nothing() -> None:
    """A door opened twice and closed in between, the closing told last: nobody was in danger."""
    line = started()
    line.push(DOOR, "door.opened", at("10:00"))
    line.push(DOOR, "door.opened", at("10:40"))
    line.push(DOOR, "door.closed", at("10:04"), received=at("10:41"))
    line.tick(at("10:49"))
    assert line.findings == []
    assert told(line.tick(at("10:50"))) == ["raised P3 10:50"]


def test_an_opening_before_the_last_closing_resurrects_nothing() -> None:
    """A late opening that was closed since changes nothing."""
    line = started()
    line.push(DOOR, "door.closed", at("10:00"))
    line.push(DOOR, "door.opened", at("09:00"), received=at("10:01"))
    line.tick(at("12:00"))
    assert line.findings == []


def test_a_late_opening_moves_the_beginning_back() -> None:
    """A door known to be open since 10:20 was open since 10:00."""
    line = started()
    line.push(DOOR, "door.opened", at("10:20"))
    line.push(DOOR, "door.opened", at("10:00"), received=at("10:21"))
    assert told(line.tick(at("10:21"))) == ["raised P3 10:10"]


def test_a_counter_decides_where_no_time_is_given() -> None:
    """A closing without time whose counter is below the opening's came before it."""
    line = started()
    line.push(DOOR, "door.opened", at("10:00"), at=NO_TIME, boot=1, seq=6)
    line.push(DOOR, "door.closed", at("10:01"), at=NO_TIME, boot=1, seq=5)
    assert told(line.tick(at("10:10"))) == ["raised P3 10:10"]


def test_a_redelivered_state_without_order_changes_nothing() -> None:
    """A closing that says neither when nor which is stored, and the door stays open."""
    line = started()
    line.push(DOOR, "door.opened", at("10:00"))
    line.push(DOOR, "door.closed", at("10:05"), flags=FLAG_STATELESS)
    assert told(line.tick(at("10:10"))) == ["raised P3 10:10"]


def test_an_open_p2_takes_a_new_cause_as_an_occurrence() -> None:
    """A P2 that cleared stays open for a person; the next time is counted, not raised anew."""
    line = started()
    line.push(DOOR, "door.opened", at("23:30"))
    line.push(DOOR, "door.closed", at("23:40"))
    line.push(DOOR, "door.opened", at("23:50"))
    line.tick(at("23:55"))
    assert told(line.findings) == ["raised P2 23:35", "cleared P2 23:40", "occurrence P2 23:55"]
    assert {f.alert for f in line.findings} == {1}


def closing(alert: int, rule: str = "D-03") -> dict[str, object]:
    kind = {"D-03": "place", "S-01": "resident"}[rule]
    return {"alert": alert, "rule": rule, "subject_kind": kind, "subject": 1, "severity": 2, "active": True}


def test_what_was_closed_while_active_is_muted_for_twelve_hours() -> None:
    """The same severity comes again after twelve hours, with its own due time as cause."""
    line = started()
    line.push(DOOR, "door.opened", at("23:00"))
    line.tick(at("23:05"))
    line.enter("closing", at("23:10"), closing(1))
    line.tick(at("11:09", 24))
    assert [f.change for f in line.findings] == [Change.RAISED]
    (again,) = line.tick(at("11:10", 24))
    assert again.origin is not None
    assert (told([again]), again.alert) == (["raised P2 11:10"], 2)
    assert again.origin.cause == f"due:{again.at}"


def test_presses() -> None:
    """One alert, each further press an occurrence, a late one too; after a closing a new alert."""
    line = started()
    line.push(SOS, "sos.pressed", at("10:00"))
    line.push(SOS, "sos.pressed", at("09:00"), received=at("10:01"))
    line.enter("closing", at("10:02"), closing(1, "S-01"))
    line.push(SOS, "sos.pressed", at("10:03"))
    assert told(line.findings) == ["raised P1 10:00", "occurrence P1 09:00", "raised P1 10:03"]
    origins = [f.origin for f in line.findings if f.origin is not None]
    assert len({o.cause for o in origins}) == 2
    assert {(o.subject_kind.word, o.resident) for o in origins} == {("resident", 1)}


def test_a_button_without_resident_speaks_for_its_site() -> None:
    """The subject is the site; where one person lives there, the alert names them."""
    home = {**HOME, "device": [{**HOME["device"][1], "resident": None}]}
    line = started(home)
    (found,) = line.push(SOS, "sos.pressed", at("10:00"))
    assert found.origin is not None
    assert (found.origin.subject_kind.word, found.origin.resident) == ("site", 1)
    pair = started({**home, "resident": [*HOME["resident"], {"id": 2, "site": 1, "code": "r2"}]})
    (found,) = pair.push(SOS, "sos.pressed", at("10:00"))
    assert found.origin is not None
    assert found.origin.resident == 0


def suspect(state: str, since: str = "10:00") -> dict[str, object]:
    return {"device": CAMERA, "state": state, "since": int(at(since).timestamp()) * 1_000_000}


def test_a_camera_falls_silent() -> None:
    """Five minutes after it was last heard, not five after the suspicion; heard, it clears and closes."""
    line = started()
    line.enter("device", at("10:03"), suspect("suspect"))
    line.enter("device", at("10:04"), suspect("offline"))
    line.tick(at("10:05"))
    line.enter("device", at("10:09"), suspect("heard"))
    assert told(line.findings) == ["raised P3 10:05", "cleared P3 10:09", "closed P3 10:09"]


def test_a_suspicion_that_comes_late_raises_when_it_comes() -> None:
    """Due is not before the moment of suspicion."""
    line = started()
    line.enter("device", at("10:30"), suspect("suspect"))
    assert told(line.tick(at("10:30"))) == ["raised P3 10:30"]


def test_a_camera_that_is_switched_off_is_not_offline() -> None:
    """`disabled` ends a silence and keeps further suspicion quiet until it is online again."""
    line = started()
    line.push(CAMERA, "camera.offline", at("10:00"))
    line.push(CAMERA, "camera.disabled", at("10:01"))
    line.enter("device", at("10:04"), suspect("suspect", "10:01"))
    line.tick(at("11:00"))
    assert line.findings == []
    line.push(CAMERA, "camera.online", at("11:01"))
    line.enter("device", at("11:10"), suspect("suspect", "11:05"))
    assert told(line.tick(at("11:10"))) == ["raised P3 11:10"]


def test_a_stall_explains_a_silence() -> None:
    """What fell due while nobody listened waits for three heartbeats after the stall; what was due before does not."""
    line = started()
    line.enter("device", at("10:03"), suspect("suspect"))
    line.enter("stall", at("10:30"), {"from": suspect("", "10:04")["since"], "to": suspect("", "10:30")["since"]})
    line.tick(at("10:32"))
    assert line.findings == []
    assert told(line.tick(at("10:33"))) == ["raised P3 10:33"]
    before = started()
    before.enter("device", at("10:03"), suspect("suspect"))
    before.enter("stall", at("10:30"), {"from": suspect("", "10:06")["since"], "to": suspect("", "10:30")["since"]})
    assert told(before.tick(at("10:30"))) == ["raised P3 10:05"]


def test_removing_a_sensor_ends_the_watch_of_its_door() -> None:
    """What was open clears, what was pending vanishes, and a sensor that returns starts from nothing."""
    line = started()
    line.push(DOOR, "door.opened", at("10:00"))
    line.push(SECOND_DOOR, "door.opened", at("10:05"))
    line.tick(at("10:10"))
    line.enter("registry", at("10:11"), {"remove": {"device": [DOOR, SECOND_DOOR]}})
    line.tick(at("12:00"))
    assert told(line.findings) == ["raised P3 10:10", "cleared P3 10:11", "closed P3 10:11"]
    line.enter("registry", at("12:01"), {"upsert": {"device": [HOME["device"][0]]}})
    line.tick(at("13:00"))
    line.push(DOOR, "door.opened", at("13:00"))
    assert told(line.tick(at("13:10"))) == ["raised P3 13:10"]


def test_a_door_with_two_sensors_is_watched_until_both_are_gone() -> None:
    """Removing one of two sensors of a door ends nothing."""
    second = {**HOME["device"][0], "id": 9, "code": "mag-9"}
    line = started({**HOME, "device": [*HOME["device"], second]})
    line.push(DOOR, "door.opened", at("10:00"))
    line.enter("registry", at("10:01"), {"remove": {"device": [{"id": DOOR}]}})
    assert told(line.tick(at("10:10"))) == ["raised P3 10:10"]


def test_a_shorter_threshold_takes_effect_at_once_but_not_before_it_was_set() -> None:
    """A door open for six minutes raises when the threshold becomes five, with the moment of the change."""
    line = started()
    line.push(DOOR, "door.opened", at("10:00"))
    line.enter("rules", at("10:06"), rules_entry("D-03", 2, [{"scope": "*", "id": 0, "set": {"after": "5min"}}]))
    (found,) = line.tick(at("10:06"))
    assert (told([found]), found.rule_version) == (["raised P3 10:06"], 2)


def test_a_change_never_fires_again_what_has_fired() -> None:
    """An alert that is open stays one alert through any change of thresholds."""
    line = started()
    line.push(DOOR, "door.opened", at("10:00"))
    line.tick(at("10:10"))
    for version, after in enumerate(("1min", "2h", "3min"), 2):
        line.enter(
            "rules", at("10:20"), rules_entry("D-03", version, [{"scope": "*", "id": 0, "set": {"after": after}}])
        )
        line.tick(at("12:30"))
    assert told(line.findings) == ["raised P3 10:10"]


def test_switching_a_rule_off_clears_and_on_raises_anew() -> None:
    """Off, its conditions clear; on again, what still holds raises from that moment, with a cause of its own."""
    line = started()
    line.push(DOOR, "door.opened", at("10:00"))
    line.tick(at("10:10"))
    line.enter("rules", at("10:20"), rules_entry("D-03", 2, [{"scope": "site:h1", "id": 1, "enabled": False}]))
    line.tick(at("11:00"))
    line.enter("rules", at("11:00"), rules_entry("D-03", 3))
    line.tick(at("11:00"))
    assert told(line.findings) == ["raised P3 10:10", "cleared P3 10:20", "closed P3 10:20", "raised P3 11:00"]
    causes = [f.origin.cause for f in line.findings if f.origin is not None]
    assert len(set(causes)) == 2


def test_the_narrowest_scope_wins() -> None:
    """Of district, site and place, the place's override holds, key by key."""
    overrides = [
        {"scope": "place:h1/door-1", "id": 1, "set": {"after": "2min"}},
        {"scope": "*", "id": 0, "set": {"after": "30min", "severity": "P4"}},
        {"scope": "site:h1", "id": 1, "set": {"after": "20min"}},
    ]
    line = started()
    line.enter("rules", at("09:00"), rules_entry("D-03", 2, overrides))
    line.push(DOOR, "door.opened", at("10:00"))
    line.push(SECOND_DOOR, "door.opened", at("10:00"))
    line.tick(at("11:00"))
    assert told(line.findings) == ["raised P4 10:02", "raised P4 10:20"]


def test_dropping_a_patch_restores_everything() -> None:
    """After a drop the engine is as it was: the same batch gives the same findings and numbers."""
    line = started()
    line.push(DOOR, "door.opened", at("10:00"))
    engine = line.engine
    first = engine.advance(10**18 + MINUTE)
    assert first
    engine.drop()
    assert engine.position == line.position
    assert engine.advance(10**18 + MINUTE) == first


def test_an_unknown_device_is_nobodys() -> None:
    """An event of a device that the registry does not have changes nothing and breaks nothing."""
    line = started()
    for what in ("sos.pressed", "door.opened", "camera.offline"):
        line.push(77, what, at("10:00"), boot=1, seq=1)
    line.tick(at("12:00"))
    assert line.findings == []
