"""What an event may say, and that everything else is refused with its reason."""

import json
import math
from typing import Any

import pytest

from devices.codec import EVENT_BYTES, Undecodable, WireEvent, decode_event, detail_json
from devices.columns import NO_SEQ, NO_TIME

AT = 1_795_371_000_123_000  # 2026-11-22T18:10:00.123Z


def event(**fields: Any) -> WireEvent:
    return decode_event(json.dumps({"type": "door.opened", **fields}).encode())


def refused(payload: bytes) -> str:
    with pytest.raises(Undecodable) as caught:
        decode_event(payload)
    return caught.value.reason


def with_field(text: str) -> bytes:
    return b'{"type":"door.opened",' + text.encode() + b"}"


def test_the_contracts_example() -> None:
    """Every field of the documented event arrives as it was sent."""
    payload = (
        b'{"type":"door.opened","at":"2026-11-23T02:10:00.123+08:00","seq":4711,"boot":"a1b2","id":"01J","value":1.2,'
        b'"unit":"m3","battery":97,"rssi":-61,"test":false,"data":{}}'
    )
    got = decode_event(payload)
    assert (got.type, got.at, got.seq, got.boot, got.id) == ("door.opened", AT, 4711, "a1b2", "01J")
    assert (got.value, got.unit, got.battery, got.rssi, got.test) == (1.2, "m3", 97, -61, False)
    assert detail_json(got) == b'{"battery":97,"boot":"a1b2","id":"01J","rssi":-61,"unit":"m3"}'


def test_only_type_is_required() -> None:
    """What is not given reads as none, in the form the columns use."""
    got = decode_event(b'{"type":"sos.pressed"}')
    assert (got.at, got.seq, got.boot, got.id, got.test, got.device) == (NO_TIME, NO_SEQ, None, None, False, None)
    assert math.isnan(got.value)
    assert detail_json(got) == b"{}"


def test_null_means_not_given() -> None:
    """A gateway that writes null for what it does not know loses no event."""
    names = ("at", "seq", "boot", "id", "value", "unit", "battery", "rssi", "test", "data", "device")
    got = event(**dict.fromkeys(names))
    assert (got.at, got.seq, got.test, detail_json(got)) == (NO_TIME, NO_SEQ, False, b"{}")
    assert math.isnan(got.value)


def test_empty_texts_make_no_identity() -> None:
    """An empty id or boot would make every later event of the device a duplicate."""
    got = event(id="", boot="", unit="")
    assert (got.id, got.boot, detail_json(got)) == (None, None, b"{}")


def test_unknown_keys_are_ignored() -> None:
    """A newer device may say more than we know, of any type."""
    assert event(firmware={"v": [1, 2.5, None]}, zz=10**40).type == "door.opened"


def test_device_counts_in_batches_only() -> None:
    """On the event channel the topic alone says who speaks."""
    assert event(device="another").device is None


@pytest.mark.parametrize("name", ["contract.mark", "door.opened", "Door.Opened", "x", "a/b:c-d_e", "z" * 64])
def test_unknown_types_are_kept(name: str) -> None:
    """A type that we do not know is stored under its own name."""
    assert event(type=name).type == name


@pytest.mark.parametrize("name", ["", " ", "door opened", "z" * 65, ".x", "开门", "a\n", "door.opened\n"])
def test_types_that_are_no_names(name: str) -> None:
    """A type that could not be a name is refused."""
    assert refused(json.dumps({"type": name}).encode()) == "bad_value"


@pytest.mark.parametrize(
    ("text", "micros"),
    [
        ("2026-11-23T02:10:00.123+08:00", AT),
        ("2026-11-22T18:10:00.123Z", AT),
        ("2026-11-22t18:10:00.123z", AT),
        ("2026-11-22T18:10:00.123-00:00", AT),
        ("2026-11-22T18:10:00.123000000000000001Z", AT),
        ("2026-11-23T17:09:00.123+22:59", AT),
        ("2026-11-22T18:10:00Z", AT - 123_000),
        ("2026-11-22T18:10:00.1Z", AT - 23_000),
        ("1969-12-31T23:59:59.999999Z", -1),
        ("1900-01-01T00:00:00Z", -2_208_988_800_000_000),
    ],
)
def test_times_with_offset(text: str, micros: int) -> None:
    """RFC 3339 in all its spellings, with fractions of any length and clocks of any age."""
    assert event(at=text).at == micros


@pytest.mark.parametrize("milliseconds", [0, -1, AT // 1000, 4_102_444_800_000])
def test_times_in_milliseconds(milliseconds: int) -> None:
    """An integer is milliseconds since the epoch."""
    assert event(at=milliseconds).at == milliseconds * 1000


@pytest.mark.parametrize(
    ("at", "reason"),
    [
        ("2026-11-23T02:10:00", "no_offset"),
        ("2026-11-23T02:10:00.123", "no_offset"),
        ("2026-11-23", "bad_time"),
        ("", "bad_time"),
        ("now", "bad_time"),
        ("1763834000123", "bad_time"),
        ("2026-02-30T00:00:00Z", "bad_time"),
        ("2026-13-01T00:00:00Z", "bad_time"),
        ("2026-11-23T24:00:01Z", "bad_time"),
        ("2026-11-23T02:10:00+24:00", "bad_time"),
        ("2026-11-23T02:10:00+08:60", "bad_time"),
        ("0000-01-01T00:00:00Z", "bad_time"),
        ("0001-01-01T00:00:00+14:00", "bad_time"),
        ("9999-12-31T23:59:59.9999999Z", "bad_time"),
        ("9999-12-31T23:59:59-14:00", "bad_time"),
        ("12026-11-23T02:10:00Z", "bad_time"),
        (10**30, "bad_time"),
        (-(10**30), "bad_time"),
        (253_402_300_800_000, "bad_time"),
        (1.5, "wrong_type"),
        (True, "wrong_type"),
        ([], "wrong_type"),
        ({"ms": 1}, "wrong_type"),
    ],
)
def test_times_that_are_none(at: Any, reason: str) -> None:
    """A time that could be anybody's is not guessed."""
    assert refused(json.dumps({"type": "door.opened", "at": at}).encode()) == reason


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (b"", "not_json"),
        (b" ", "not_json"),
        (b"{", "not_json"),
        (b"not json", "not_json"),
        (b'{"type":"a"} x', "not_json"),
        (b'{"type":"a",}', "not_json"),
        (b"{'type':'a'}", "not_json"),
        (b'{"type":"a\x00"}', "not_json"),
        (b'\xef\xbb\xbf{"type":"a"}', "not_json"),
        (b'{"type":"door.opened","value":NaN}', "not_json"),
        (b'{"type":"door.opened","value":Infinity}', "not_json"),
        (b'{"type":"door.opened","value":-Infinity}', "not_json"),
        (b'{"type":"door.opened","zz":NaN}', "not_json"),
        (b'{"type":"a\\ud800"}', "not_json"),
        (b'{"type":"a\\udc00b"}', "not_json"),
        (b'{"type":"door.opened","zz":"\\ud83d x"}', "not_json"),
        (b'{"type":"door.opened","data":{"x":"\\ud800"}}', "not_json"),
        (b"\xff{not json", "not_utf8"),
        (b'{"type":"door.opened","zz":"\xff"}', "not_utf8"),
        (b'{"type":"door.opened","\xc3":1}', "not_utf8"),
        (b'{"type":"door.opened","id":"\xed\xa0\x80"}', "not_utf8"),
        ('{"type":"门"}'.encode("gb2312"), "not_utf8"),
        ('{"type":"door.opened"}'.encode("utf-16"), "not_utf8"),
        (b"[]", "wrong_type"),
        (b"null", "wrong_type"),
        (b"7", "wrong_type"),
        (b'"sos.pressed"', "wrong_type"),
        (b'[{"type":"sos.pressed"}]', "wrong_type"),
        (b"{}", "missing_type"),
        (b'{"at":1}', "missing_type"),
        (b'{"type":null}', "wrong_type"),
        (b'{"type":7}', "wrong_type"),
        (b'{"type":["sos.pressed"]}', "wrong_type"),
    ],
)
def test_payloads_that_are_no_event(payload: bytes, reason: str) -> None:
    """Broken text, broken JSON and other shapes each have their reason."""
    assert refused(payload) == reason


@pytest.mark.parametrize(
    "text", ['"id":"a\\u0000b"', '"data":{"x":"\\u0000"}', '"data":{"\\u0000":1}', '"zz":["\\u0000"]']
)
def test_the_nul_character(text: str) -> None:
    """PostgreSQL takes U+0000 in no text; wherever it stands the event is refused."""
    assert refused(with_field(text)) == "nul_character"


def test_an_escaped_backslash_is_no_nul() -> None:
    r"""The text `\u0000`, spelled out, is an ordinary text."""
    assert decode_event(with_field(r'"id":"\\u0000"')).id == r"\u0000"


@pytest.mark.parametrize(
    "text",
    [
        '"seq":-1',
        '"seq":' + "1" * 30,
        '"seq":9223372036854775808',
        '"value":' + "1" * 30,
        '"value":-' + "1" * 30,
        '"value":1e400',
        '"value":-1e400',
        '"value":1e30',
        '"value":' + "1" * 5000,
        '"battery":' + "9" * 30,
        '"rssi":-1e99',
        '"data":{"x":' + "1" * 30 + "}",
        '"data":{"x":[{"y":-' + "1" * 30 + "}]}",
        '"data":{"x":1e400}',
        '"data":{"x":' + "1" * 5000 + "}",
    ],
)
def test_numbers_out_of_range(text: str) -> None:
    """No number that a column or jsonb could not hold, or that a float would silently change, gets through."""
    assert refused(with_field(text)) == "number_out_of_range"


@pytest.mark.parametrize(("value", "kept"), [(0, 0.0), (-5, -5.0), (12.5, 12.5), (2**53, 2.0**53), (5e-324, 5e-324)])
def test_values(value: float, kept: float) -> None:
    """A value is a float whatever number it was written as."""
    got = event(value=value).value
    assert isinstance(got, float)
    assert got == kept


@pytest.mark.parametrize("wrong", [True, False, "1.2", [], {}, [1]])
@pytest.mark.parametrize("field", ["value", "seq", "battery", "rssi"])
def test_what_is_no_number(field: str, wrong: Any) -> None:
    """A boolean or a text is never taken for a number."""
    assert refused(json.dumps({"type": "door.opened", field: wrong}).encode()) == "wrong_type"


@pytest.mark.parametrize(
    "text",
    [
        '"seq":1.5',
        '"seq":1e3',
        '"id":7',
        '"boot":7',
        '"unit":7',
        '"test":"yes"',
        '"test":1',
        '"data":[]',
        '"data":"x"',
        '"data":7',
        '"device":7',
    ],
)
def test_other_wrong_types(text: str) -> None:
    """Each field has one type."""
    assert refused(with_field(text)) == "wrong_type"


@pytest.mark.parametrize("field", ["id", "boot", "unit"])
def test_long_texts(field: str) -> None:
    """128 characters are taken, one more is not."""
    assert getattr(event(**{field: "字" * 128}), field) == "字" * 128
    assert refused(json.dumps({"type": "door.opened", field: "字" * 129}).encode()) == "bad_value"


def test_sizes() -> None:
    """An event of 64 KiB is taken; one byte more and a megabyte are not."""
    frame = len(b'{"type":"door.opened","data":{"x":""}}')
    whole = json.dumps({"type": "door.opened", "data": {"x": "y" * (EVENT_BYTES - frame)}}, separators=(",", ":"))
    assert len(whole) == EVENT_BYTES
    assert decode_event(whole.encode()).type == "door.opened"
    assert refused(whole.encode() + b" ") == "too_large"
    assert refused(b"x" * 1024 * 1024) == "too_large"


@pytest.mark.parametrize("depth", [33, 500, 5_000, 30_000])
def test_deep_nesting(depth: int) -> None:
    """Data is nested 32 deep at most, and no nesting exhausts the decoder's stack."""
    assert refused(with_field('"data":{"x":' + "[" * depth + "]" * depth + "}")) == "too_deep"


def test_nesting_within_bounds() -> None:
    """Data as deep as allowed keeps its shape."""
    assert b"[" * 31 in detail_json(decode_event(with_field('"data":{"x":' + "[" * 31 + "]" * 31 + "}")))


def test_an_endless_ignored_key() -> None:
    """What is ignored cannot exhaust the decoder's stack either."""
    assert refused(with_field('"zz":' + "[" * 30_000 + "]" * 30_000)) == "too_deep"


def test_the_last_of_duplicate_keys_counts() -> None:
    """As in nearly every JSON reader."""
    assert decode_event(b'{"type":"a","type":"b"}').type == "b"


def test_detail_is_canonical() -> None:
    """The same data in another order is the same detail; Chinese stays readable."""
    one, other = event(data={"b": 1, "a": {"d": 2, "c": "厨房"}}), event(data={"a": {"c": "厨房", "d": 2}, "b": 1})
    assert detail_json(one) == detail_json(other) == '{"data":{"a":{"c":"厨房","d":2},"b":1}}'.encode()


def test_refusals_quote_no_content() -> None:
    """The detail goes to logs and lists: what the device said stays out of it."""
    with pytest.raises(Undecodable) as caught:
        decode_event(with_field('"data":{"Wang Xiaoming":' + "1" * 30 + '},"seq":"13800138000"'))
    assert "Wang" not in str(caught.value)
    assert "138" not in str(caught.value)
