"""Which events are the same."""

from devices.codec import WireEvent
from ingest.identity import Identity, identify


def _identity(
    payload: bytes = b"{}", *, device: int = 1, item: int = 0, retained: bool = False, **said: object
) -> Identity:
    return identify(device, WireEvent(**{"type": "door.opened", **said}), payload, item=item, retained=retained)  # type: ignore[arg-type]  # what a test says


def test_id_with_time() -> None:
    """(device, type, id, and at where given)."""
    first = _identity(id="a", at=5)
    assert first.own
    assert first == _identity(b"other bytes", id="a", at=5, seq=9, boot="x", value=3.0)
    assert first != _identity(id="a", at=6)
    assert first != _identity(id="a")
    assert first != _identity(id="a", at=5, device=2)
    assert first != _identity(id="a", at=5, type="door.closed")


def test_boot_and_seq_need_each_other() -> None:
    """`seq` starts again at a reboot: alone it names nothing."""
    assert _identity(boot="a", seq=1) == _identity(b"x", boot="a", seq=1, at=77)
    assert _identity(boot="a", seq=1) != _identity(boot="b", seq=1)
    assert not _identity(seq=1).own
    assert not _identity(boot="a").own


def test_time_and_value_are_none_for_emergencies() -> None:
    """Two presses may fall into one moment of a coarse clock: a duplicate beats a miss."""
    assert _identity(at=5, value=1.0).own
    assert _identity(at=5, value=1.0) != _identity(at=5, value=2.0)
    assert _identity(at=5) == _identity(at=5)
    assert not _identity(at=5, type="sos.pressed").own


def test_vital_signs_of_one_moment_are_several() -> None:
    """Pulse 80 and pressure 80 are two measurements."""
    pulse = _identity(type="vital.measured", at=5, value=80.0, data={"name": "pulse"})
    assert pulse != _identity(type="vital.measured", at=5, value=80.0, data={"name": "systolic"})


def test_without_identity_the_payload_is_only_remembered() -> None:
    """A live one is new each time; a retained one of the same bytes is a duplicate of it."""
    live = _identity(b"press", type="sos.pressed")
    retained = _identity(b"press", type="sos.pressed", retained=True)
    assert live.key == retained.key
    assert (live.own, retained.own) == (False, True)
    assert live.key != _identity(b"press", type="sos.pressed", item=1).key


def test_kinds_of_identity_do_not_meet() -> None:
    """An id that looks like another kind's text is not that."""
    keys = {_identity(**said).key for said in ({"id": "1"}, {"boot": "1", "seq": 1}, {"at": 1}, {"id": "1", "at": 1})}
    assert len(keys) == 4
