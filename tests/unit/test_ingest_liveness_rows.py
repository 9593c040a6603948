"""Silence found by one scan, told once, explained by stalls."""

import time

import numpy as np
import pytest

from devices.codec import Heartbeat
from devices.models import DEVICE_KINDS, POWERS
from devices.silence import graces, intervals
from ingest.decode import Beaten, StatusWord
from ingest.liveness import HOUR, SECOND, Change, Liveness
from ingest.standing import Stall

NOW = 1_795_000_000 * SECOND
BEAT = 60 * SECOND
CAMERA, MUTE, DOOR = 1, 2, 3


@pytest.fixture
def liveness() -> Liveness:
    """A camera and a mute one that should beat each minute, a door that need not."""
    made = Liveness()
    made.watch(np.array([0, BEAT, BEAT, 0], np.int64))
    made.touch([(CAMERA, NOW), (DOOR, NOW)])
    return made


def _scan(liveness: Liveness, at: int) -> list[Change]:
    return liveness.changes(at, [], scan=True)


def test_three_missed_beats(liveness: Liveness) -> None:
    """Not at three intervals, but beyond; only who was heard, only who should beat."""
    assert _scan(liveness, NOW + 3 * BEAT) == []
    assert _scan(liveness, NOW + 3 * BEAT + 1) == [Change(CAMERA, "suspect", NOW)]


def test_told_once_adopted(liveness: Liveness) -> None:
    """Until it is committed the same change is found again; after that no more."""
    late = NOW + 4 * BEAT
    assert _scan(liveness, late) == _scan(liveness, late)
    liveness.adopt(_scan(liveness, late), [])
    assert _scan(liveness, late) == []
    liveness.touch([(CAMERA, late + 1)])
    assert _scan(liveness, late + 2) == [Change(CAMERA, "heard", late + 1)]


def test_stall_explains_the_silence_it_caused(liveness: Liveness) -> None:
    """Silence is counted from the stall's end for who was not overdue at its beginning."""
    stall = Stall(NOW + BEAT, NOW + 10 * BEAT)
    liveness.stalled(stall)
    assert _scan(liveness, stall.end + 3 * BEAT) == []
    assert _scan(liveness, stall.end + 3 * BEAT + 1) == [Change(CAMERA, "suspect", stall.end)]


def test_stall_does_not_explain_an_older_silence(liveness: Liveness) -> None:
    """Who was overdue before it is suspect at once after it."""
    liveness.stalled(Stall(NOW + 3 * BEAT + 1, NOW + 10 * BEAT))
    assert _scan(liveness, NOW + 10 * BEAT) == [Change(CAMERA, "suspect", NOW)]


def test_unsaved_life_is_granted_after_a_restart(liveness: Liveness) -> None:
    """The stored last_seen is up to a flush old."""
    liveness.stalled(Stall(NOW + 3 * BEAT + 1, NOW + 10 * BEAT), unsaved=30 * SECOND)
    assert _scan(liveness, NOW + 10 * BEAT) == []


def test_last_will_and_what_crosses_it(liveness: Liveness) -> None:
    """Offline since the will; a beat received before it on the other session does not bring the device back."""
    will = StatusWord(CAMERA, "offline", NOW + 5, retained=False)
    changes = liveness.changes(NOW + 6, [will], scan=True)
    assert changes == [Change(CAMERA, "offline", NOW + 5)]
    liveness.adopt(changes, [will])
    liveness.touch([(CAMERA, NOW + 4)])
    assert _scan(liveness, NOW + 7) == []
    liveness.touch([(CAMERA, NOW + 8)])
    assert _scan(liveness, NOW + 9) == [Change(CAMERA, "heard", NOW + 8)]


def test_beats_count_by_the_hour_of_their_receipt(liveness: Liveness) -> None:
    """And give the last readings, bounded to what the columns hold."""
    hour = NOW // HOUR * HOUR
    liveness.beat([Beaten(CAMERA, hour + n, Heartbeat(battery=1e9)) for n in range(3)])
    liveness.beat([Beaten(CAMERA, hour + HOUR, Heartbeat(rssi=-61))])
    ids, beats = liveness.take_unsaved()
    assert ids.tolist() == [CAMERA, DOOR]
    assert beats == {hour: {CAMERA: 3}, hour + HOUR: {CAMERA: 1}}
    assert liveness.rows["rssi"][CAMERA] == -61
    liveness.put_back_unsaved(ids, beats)
    liveness.beat([Beaten(CAMERA, hour, Heartbeat())])
    assert liveness.take_unsaved()[1][hour] == {CAMERA: 4}


def test_devices_registered_later_get_rows(liveness: Liveness) -> None:
    """Ids grow; what is known of others stays."""
    liveness.touch([(5_000, NOW)])
    liveness.watch(np.full(6_000, BEAT, np.int64))
    found = {change.device for change in _scan(liveness, NOW + 4 * BEAT)}
    assert found == {CAMERA, DOOR, 5_000}


def _of(*devices: tuple[str, int, str]) -> Liveness:
    kinds = np.array([-1, *(DEVICE_KINDS.index(kind) for kind, _, _ in devices)], np.int8)
    beats = np.array([0, *(beat for _, beat, _ in devices)], np.int64)
    powers = np.array([-1, *(POWERS.index(power) if power else -1 for *_, power in devices)], np.int8)
    made, every = Liveness(), intervals(kinds, beats, powers)
    made.watch(every, graces(every, beats))
    made.touch([(n, NOW) for n in range(1, len(devices) + 1)])
    return made


@pytest.mark.parametrize(
    ("device", "patience"),
    [
        (("motion", 0, "mains"), 9 * 60 * SECOND),
        (("door_sensor", 0, "battery"), 24 * HOUR),
        (("sos_button", 0, ""), 24 * HOUR),
        (("door_sensor", 20 * SECOND, "battery"), 60 * SECOND),
        (("camera", BEAT, "mains"), 3 * BEAT),
    ],
)
def test_who_does_not_beat_is_judged_by_its_power(device: tuple[str, int, str], patience: int) -> None:
    """Suspect after three intervals of what is expected of it, since it was last heard."""
    liveness = _of(device)
    assert _scan(liveness, NOW + patience) == []
    assert _scan(liveness, NOW + patience + 1) == [Change(1, "suspect", NOW)]


def test_a_camera_without_beats_is_never_suspect() -> None:
    """It is registered so, and tells of itself by events."""
    assert _scan(_of(("camera", 0, "mains")), NOW + 100 * HOUR) == []


def test_a_stall_does_not_restart_what_is_silent_for_long() -> None:
    """After it there are nine minutes to be heard; a day's silence is not counted anew."""
    liveness = _of(("door_sensor", 0, "battery"), ("motion", 0, "mains"))
    stall = Stall(NOW + 23 * HOUR, NOW + 25 * HOUR)
    liveness.stalled(stall)
    grace = 9 * 60 * SECOND
    assert {change.device for change in _scan(liveness, stall.end + grace)} == {2}
    assert {change.device for change in _scan(liveness, stall.end + grace + 1)} == {1, 2}


def test_a_million_devices_are_one_comparison() -> None:
    """A scan without findings stays a matter of milliseconds."""
    size = 1_000_000
    liveness = Liveness()
    liveness.watch(np.full(size, 8 * HOUR, np.int64))
    liveness.rows["last_seen"][:size] = NOW
    begun = time.perf_counter()
    assert _scan(liveness, NOW + HOUR) == []
    assert time.perf_counter() - begun < 0.5
