"""Wrong in every way: answered in quarantine or at the API, with a reason; nothing else is lost."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.stack import Stack, home, homes
from tests.waiting import until

pytestmark = pytest.mark.timeout(240)

MARK = {"type": "test.mark", "id": "mark"}

# What a device may publish that says nothing we can store, and the reason that it is kept under.
REFUSED: list[tuple[str, bytes, str]] = [
    ("broken JSON", b'{"type":', "not_json"),
    ("no JSON", b"hello", "not_json"),
    ("nothing", b"", "not_json"),
    ("another shape", b"[1,2]", "wrong_type"),
    ("no type", b"{}", "missing_type"),
    ("type is a number", b'{"type":5}', "wrong_type"),
    ("value is text", b'{"type":"water.metered","value":"1.2"}', "wrong_type"),
    ("value is true", b'{"type":"water.metered","value":true}', "wrong_type"),
    ("value is NaN", b'{"type":"water.metered","value":NaN}', "not_json"),
    ("value overflows", b'{"type":"water.metered","value":1e999}', "number_out_of_range"),
    ("seq has thirty digits", b'{"type":"motion.detected","seq":' + b"9" * 30 + b"}", "number_out_of_range"),
    ("thirty digits in data", b'{"type":"motion.detected","data":{"n":' + b"9" * 30 + b"}}", "number_out_of_range"),
    ("seq is negative", b'{"type":"motion.detected","seq":-1}', "number_out_of_range"),
    ("NUL in the id", b'{"type":"motion.detected","id":"a\\u0000b"}', "nul_character"),
    ("NUL in data", b'{"type":"motion.detected","data":{"a":"\\u0000"}}', "nul_character"),
    ("half a surrogate pair", b'{"type":"motion.detected","id":"\\ud800"}', "not_json"),
    ("invalid UTF-8", b'{"type":"motion.detected","id":"\xff"}', "not_utf8"),
    ("a time without offset", b'{"type":"motion.detected","at":"2026-11-23T02:10:00"}', "no_offset"),
    ("a time that is none", b'{"type":"motion.detected","at":"yesterday"}', "bad_time"),
    ("larger than an event may be", b'{"type":"motion.detected","data":{"x":"' + b"y" * 65536 + b'"}}', "too_large"),
    ("1 MiB", b" " * (1 << 20), "too_large"),
    ("nested without end", b'{"type":"motion.detected","data":' + b'{"a":' * 200 + b"1" + b"}" * 201, "too_deep"),
]


def test_what_cannot_be_stored_is_in_quarantine(stack: Stack) -> None:
    """Each wrong payload is kept with its reason; the good event after all of them is stored, and it alone."""
    stack.register(home("wrong"))
    button = stack.device("wrong", "mag-1")
    for _, payload, _ in REFUSED:
        button.say(payload)
    button.say(MARK)
    until("the mark is stored", lambda: stack.all("/events?site=wrong"), 10)
    held = list(reversed(stack.quarantined("wrong")))
    told = {name: reason for (name, _, _), reason in zip(REFUSED, [h["reason"] for h in held], strict=True)}
    assert told == {name: reason for name, _, reason in REFUSED}
    assert [h["payload_size"] for h in held] == [len(payload) for _, payload, _ in REFUSED]
    assert len(stack.all("/events?site=wrong")) == 1


def test_wrong_clocks_are_stored_and_marked(stack: Stack) -> None:
    """Future, ancient, before the epoch: an event is an event, on the time of its receipt, `skewed`."""
    stack.register(home("clock"))
    sensor = stack.device("clock", "mag-1")
    times = ("2126-01-01T00:00:00Z", "1971-01-01T00:00:00+08:00", 0, "1969-01-01T00:00:00Z", 4_000_000_000_000)
    for at in times:
        sensor.say({"type": "door.opened", "at": at})
    sensor.say({"type": "door.closed", "at": datetime.now(UTC).isoformat()})
    until("all events", lambda: len(stack.all("/events?site=clock")) == 6, 10)
    events = stack.all("/events?site=clock")
    assert ["skewed" in event["flags"] for event in reversed(events)] == [True] * 5 + [False]
    assert stack.quarantined("clock") == []


def test_one_bad_event_in_a_batch_of_two_thousand(stack: Stack) -> None:
    """It alone is refused; the others are stored, once each. What a gateway says of a stranger is refused too."""
    stack.register(homes("batch", "batch2"))
    gateway = stack.device("batch", "gw-1")
    items: list[object] = [{"type": "bed.left", "device": "mat-1", "seq": n, "boot": "b"} for n in range(2000)]
    items[1000] = {"type": 5, "device": "mat-1"}
    gateway.say(json.dumps(items, separators=(",", ":")).encode(), channel="batch")
    gateway.say([{"type": "bed.left", "device": "nobody"}, {"type": "bed.left", "device": "mag-1"}], channel="batch")
    until("the others are stored", lambda: len(stack.all("/events?site=batch&device=mat-1")) == 1999, 20)
    until("three are held", lambda: len(stack.quarantined("batch")) == 3, 10)
    assert [held["reason"] for held in reversed(stack.quarantined("batch"))] == [
        "wrong_type",
        "unknown_device",
        "not_parent",
    ]


def test_strangers(stack: Stack, tmp_path: Path) -> None:
    """An unknown device, an unknown site, a device at the wrong site: played by a service, held with reasons."""
    stack.register(homes("here", "there").replace('code = "mag-1"', 'code = "mag-here"', 1))
    topics = {
        "shouwang/v1/here/ghost/event": "unknown_device",
        "shouwang/v1/nowhere/ghost/event": "unknown_device",
        "shouwang/v1/there/mag-here/event": "wrong_site",
        "shouwang/v1/here/sos-1/event": "",
    }
    file = tmp_path / "strangers.jsonl"
    lines = [{"at": "2026-11-23T02:10:00Z", "topic": topic, "payload": {"type": "test.mark"}} for topic in topics]
    file.write_text("\n".join(json.dumps(line) for line in lines))
    stack.command("play", str(file), "--speed", "1000", "--data", str(stack.data))
    until("the known one is stored", lambda: stack.all("/events?site=here"), 10)
    wanted = {topic: reason for topic, reason in topics.items() if reason}
    until("the others are held", lambda: {h["topic"] for h in stack.all("/quarantine")} >= set(wanted), 10)
    assert {h["topic"]: h["reason"] for h in stack.all("/quarantine") if h["topic"] in wanted} == wanted
    assert stack.all("/events?site=there") == []


@pytest.mark.parametrize(
    ("file", "says"),
    [
        (b"[[site]\n", "toml"),
        (b"\xff\xfe", "utf-8"),
        (b'[[site]]\ncode = "a b"\nkind = "home"\n', "code"),
        (b'[[site]]\ncode = "ok"\nkind = "castle"\n', "kind"),
        (b'[[site]]\ncode = "ok"\nkind = "home"\ncolour = "red"\n', "colour"),
        (b'[[place]]\nsite = "nosuch"\ncode = "p"\nkind = "door"\n', "nosuch"),
        (
            b'[[site]]\ncode = "ok"\nkind = "home"\n[[device]]\nsite="ok"\ncode="d"\nkind="camera"\nheartbeat="5m"\n',
            "5m",
        ),
    ],
)
def test_a_registry_file_that_is_wrong(stack: Stack, file: bytes, says: str) -> None:
    """It is answered with a 4xx that names what is wrong, and nothing of it is there."""
    answer = stack.import_registry(file)
    assert 400 <= answer.status_code < 500
    assert answer.headers["content-type"].startswith("application/problem+json")
    assert says in answer.text.lower()
    assert stack.request("GET", "/sites/ok").status_code == 404


@pytest.mark.parametrize(
    ("override", "says"),
    [
        ({"scope": "*", "set": {"afterr": "5min"}}, "afterr"),
        ({"scope": "*", "set": {"after": "5 minutes"}}, "5 minutes"),
        ({"scope": "galaxy", "set": {"after": "5min"}}, "galaxy"),
        ({"scope": "site:nosuch", "set": {"after": "5min"}}, "nosuch"),
        ("all of it", "object"),
    ],
)
def test_an_override_that_is_wrong(stack: Stack, override: object, says: str) -> None:
    """An unknown key, a bad unit, a scope that is none: refused, the key named, the rule unchanged."""
    before = stack.all("/rules")
    answer = stack.request("PUT", "/rules/D-03/overrides", json=[override])
    assert answer.status_code == 422
    assert says in answer.text
    assert stack.all("/rules") == before


def test_tokens_that_do_not_hold(stack: Stack) -> None:
    """None, nonsense and an expired one are 401."""
    issued = stack.command("token", "issue", "--role", "admin", "--expires", "1s", "--data", str(stack.data)).strip()
    until("it expires", lambda: stack.request("GET", "/alerts", token=issued).status_code == 401, 10)
    assert stack.request("GET", "/alerts", token="nonsense").status_code == 401
    assert stack.client.get("/api/v1/alerts").status_code == 401
