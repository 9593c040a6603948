"""Design, section 2: who may import whom."""

import ast
from pathlib import Path

import pytest

ROOMS = ("devices", "ingest", "alerts", "api", "simulators", "store", "runtime")
MAY_IMPORT = {
    "store": set[str](),
    "devices": {"store"},
    "ingest": {"devices", "store"},
    "alerts": {"devices", "store"},
    "api": {"alerts", "devices", "store"},
    "simulators": {"devices.models"},
    "runtime": {"devices", "ingest", "alerts", "api", "simulators", "store"},
}
BANNED_NAMES = {"utils", "common", "core", "helpers"}


def imports(source: str) -> set[str]:
    """Every module that a source imports, at any depth, with the names taken from it."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def forbidden(room: str, source: str) -> list[str]:
    """The imports of a source that its room may not have."""
    allowed = MAY_IMPORT[room] | {room}
    ours = {name for name in imports(source) if name.split(".")[0] in ROOMS}
    return sorted(n for n in ours if not any(n == a or n.startswith(a + ".") for a in allowed))


@pytest.mark.parametrize("room", ROOMS)
def test_rooms_import_only_what_they_may(project: Path, room: str) -> None:
    """No file of a room imports a room that the design does not give it."""
    wrong = {
        str(file.relative_to(project)): names
        for file in (project / room).rglob("*.py")
        if (names := forbidden(room, file.read_text("utf-8")))
    }
    assert wrong == {}


def test_the_reference_knows_nothing_of_alerts(project: Path) -> None:
    """The plain reference of the rules stands on its own."""
    for file in (project / "tests").glob("reference*.py"):
        known = {name.split(".")[0] for name in imports(file.read_text("utf-8"))}
        assert not known & set(ROOMS), file.name


def test_no_file_has_a_name_that_says_nothing(project: Path) -> None:
    """No `utils`, `common`, `core`, `helpers`."""
    assert not [f for room in ROOMS for f in (project / room).rglob("*") if f.stem in BANNED_NAMES]


@pytest.mark.parametrize(
    ("room", "source", "wrong"),
    [
        ("ingest", "from alerts.engine import Engine", ["alerts.engine.Engine"]),
        ("alerts", "def f():\n    import ingest.write", ["ingest.write"]),
        ("simulators", "from devices import models", []),
        ("simulators", "from devices.codec import decode_event", ["devices.codec.decode_event"]),
        ("store", "import devices", ["devices"]),
        ("api", "import runtime.cli", ["runtime.cli"]),
    ],
)
def test_the_check_sees_a_breach(room: str, source: str, wrong: list[str]) -> None:
    """A forbidden import is found wherever it stands, an allowed one is not."""
    assert forbidden(room, source) == wrong
