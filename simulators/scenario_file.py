"""Scenario files: TOML, read and checked as a whole, so that every mistake is told with its file and key."""

import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from fnmatch import fnmatchcase
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, NamedTuple, TypeVar

import msgspec

from devices.models import Contact, Device, Model, Place, Resident, Site, heartbeat_micros
from simulators.daily import Daily, Living
from simulators.dwellings import Homes, Institutions
from simulators.planted import Fault, Incident, Mode, Raises
from simulators.words import BadRow, Span, converted
from simulators.world import World

Row = TypeVar("Row")

SHIPPED = files("simulators") / "scenarios"


class Problem(NamedTuple):
    """`place` is a table such as `[[fault]] 2`, empty for the file itself; `key` may be empty."""

    file: str
    place: str
    key: str
    message: str

    def __str__(self) -> str:
        where = " ".join(filter(None, (self.place, self.key)))
        return f"{self.file}: {where}: {self.message}" if where else f"{self.file}: {self.message}"


class ScenarioError(Exception):
    """A scenario cannot be used; `problems` holds all that is wrong."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__("\n".join(map(str, problems)))
        self.problems = problems


class Live(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """How a scenario is played in real time: for how long, its routines how many times as fast.

    `heartbeat` is that of every device that sends any; `settle`, how long nothing new comes before a check ends.
    """

    lasts: Span | None = None
    speed: float = 1.0
    heartbeat: str | None = None
    settle: Span = Span(seconds=3)

    def __post_init__(self) -> None:
        if self.heartbeat is not None and not heartbeat_micros("camera", self.heartbeat):
            raise ValueError("`heartbeat` is longer than nothing")
        if not self.speed > 0:
            raise ValueError("`speed` is above zero")


class Head(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """The keys of the file itself."""

    about: str
    lasts: Span
    begins: Annotated[datetime, msgspec.Meta(tz=True)]
    seed: int = 1
    live: Live = msgspec.field(default_factory=Live)


class Override(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """As in a file of overrides; the code in `scope` may be a pattern over the scenario's sites."""

    rule: str
    scope: str
    set: dict[str, Any] = msgspec.field(default_factory=dict)
    enabled: bool = True
    only: Mode | None = None


class Expect(Raises, kw_only=True, forbid_unknown_fields=True):
    """An alert that nothing planted stands for; `after` is since the scenario began."""

    site: str | None = None
    code: str | None = None
    only: Mode | None = None

    def __post_init__(self) -> None:
        if (self.subject is None) != (self.code is None):
            raise ValueError("`code` and `subject` belong together")


@dataclass(kw_only=True, slots=True)
class ScenarioFile:
    """What a file says, typed and checked in itself; `shape` makes a scenario of it."""

    name: str
    head: Head
    world: World
    overrides: list[Override] = field(default_factory=list)
    routines: list[Daily] = field(default_factory=list)
    incidents: list[Incident] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    expects: list[Expect] = field(default_factory=list)


_REGISTRY: dict[str, type[Model]] = {
    "site": Site,
    "place": Place,
    "resident": Resident,
    "device": Device,
    "contact": Contact,
}
_ARRAYS = frozenset({*_REGISTRY, "homes", "institutions", "override", "routine", "incident", "fault", "expect"})


def shipped() -> list[str]:
    """The names of the scenarios that come with the program."""
    return sorted(item.name.removesuffix(".toml") for item in SHIPPED.iterdir() if item.name.endswith(".toml"))


def load(scenario: str) -> ScenarioFile:
    """The shipped scenario of that name, or the file at that path. Raises ScenarioError."""
    if scenario in shipped():
        return read(SHIPPED.joinpath(f"{scenario}.toml").read_bytes(), file=f"{scenario}.toml")
    path = Path(scenario)
    try:
        return read(path.read_bytes(), file=path.name)
    except OSError as error:
        message = f"{error.strerror}; a path, or one of {', '.join(shipped())}"
        raise ScenarioError([Problem(scenario, "", "", message)]) from error


def read(text: bytes, *, file: str) -> ScenarioFile:
    """Read a file's text. Raises ScenarioError with every problem."""
    try:
        document = tomllib.loads(text.decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ScenarioError([Problem(file, "", "", str(error))]) from error
    found = _Reading(file, document)
    scenario = found.scenario()
    if found.problems or scenario is None:
        raise ScenarioError(found.problems)
    return scenario


class _Reading:
    """One file on its way from text to rows, with the problems found so far."""

    def __init__(self, file: str, document: dict[str, Any]) -> None:
        self._file, self._document = file, document
        self.problems: list[Problem] = []

    def scenario(self) -> ScenarioFile | None:
        head = self._one("", {k: v for k, v in self._document.items() if k not in _ARRAYS}, Head)
        world = self._world()
        rows = ScenarioFile(
            name=self._file.removesuffix(".toml"),
            head=head or Head(about="", lasts=Span(), begins=datetime.min),  # noqa: DTZ901 -- never used: a problem is told
            world=world,
            overrides=self._rows("override", Override),
            routines=self._rows("routine", Daily),
            incidents=self._rows("incident", Incident),
            faults=self._rows("fault", Fault),
            expects=self._rows("expect", Expect),
        )
        self._references(rows)
        return rows if head else None

    def _one(self, place: str, value: Any, kind: type[Row]) -> Row | None:
        try:
            return converted(value, kind)
        except BadRow as error:
            self._tell(place, error.key, str(error))
            return None

    def _rows(self, name: str, kind: Any) -> list[Any]:
        tables = self._document.get(name, [])
        if not isinstance(tables, list):
            self._tell("", name, f"is an array of tables: write [[{name}]]")
            return []
        rows = (self._one(f"[[{name}]] {number}", table, kind) for number, table in enumerate(tables, start=1))
        return [row for row in rows if row is not None]

    def _world(self) -> World:
        rows = {f"{name}s": tuple(self._rows(name, kind)) for name, kind in _REGISTRY.items()}
        dwellings = [*self._rows("homes", Homes), *self._rows("institutions", Institutions)]
        return World.joined([World(**rows), *(world for many in dwellings for world in many.worlds())])

    def _references(self, rows: ScenarioFile) -> None:
        """What one row says of another: devices that are there, of a kind that can do it."""
        self._registry(rows.world)
        for name, planted in (("incident", rows.incidents), ("fault", rows.faults), ("routine", rows.routines)):
            for number, row in enumerate(planted, start=1):
                self._targets(f"[[{name}]] {number}", row, rows.world)
        for number, override in enumerate(rows.overrides, start=1):
            if not list(scopes(override.scope, rows.world)):
                self._tell(f"[[override]] {number}", "scope", f"{override.scope!r} fits nothing of this scenario")
        sites = {site.code for site in rows.world.sites}
        for number, expect in enumerate(rows.expects, start=1):
            if expect.site is not None and expect.site not in sites:
                self._tell(f"[[expect]] {number}", "site", f"there is no site {expect.site!r}")

    def _registry(self, world: World) -> None:
        sites = {site.code for site in world.sites}
        gateways = {(d.site, d.code) for d in world.devices if d.kind == "gateway"}
        known: set[tuple[str, str]] = set()
        for device in world.devices:
            place, key = f"device {device.site}/{device.code}", (device.site, device.code)
            if device.site not in sites:
                self._tell(place, "site", f"there is no site {device.site!r}")
            if device.gateway is not None and (device.site, device.gateway) not in gateways:
                self._tell(place, "gateway", f"{device.gateway!r} is no gateway of this site")
            if key in known:
                self._tell(place, "code", "stands here twice")
            known.add(key)

    def _targets(self, place: str, row: Any, world: World) -> None:
        if isinstance(row, Living):
            homes = [site.code for site in world.sites if site.kind == "home"]
            self._each(place, "sites", row.sites, lambda p: any(fnmatchcase(code, p) for code in homes), "home")
            return
        self._each(place, "devices", row.devices, lambda p: bool(targets(world, (p,))), "device")
        if row.OF and (strange := [d for d in targets(world, row.devices) if d.kind not in row.OF]):
            said = (
                f"{strange[0].site}/{strange[0].code} is a {strange[0].kind}, this is for {', '.join(sorted(row.OF))}"
            )
            self._tell(place, "devices", said)

    def _each(self, place: str, key: str, patterns: tuple[str, ...], fits: Callable[[str], bool], what: str) -> None:
        if not patterns:
            self._tell(place, key, "names none")
        for pattern in patterns:
            if not fits(pattern):
                self._tell(place, key, f"{pattern!r} fits no {what} of this scenario")

    def _tell(self, place: str, key: str, message: str) -> None:
        self.problems.append(Problem(self._file, place, key, message))


def targets(world: World, patterns: tuple[str, ...]) -> list[Device]:
    """The devices that a list of patterns `site/device` names, in the order of the world."""
    return [d for d in world.devices if any(fnmatchcase(f"{d.site}/{d.code}", pattern) for pattern in patterns)]


def scopes(scope: str, world: World) -> Iterator[str]:
    """The scopes that one with a pattern stands for."""
    layer, _, pattern = scope.partition(":")
    codes = {
        "site": [site.code for site in world.sites],
        "place": [f"{place.site}/{place.code}" for place in world.places],
        "device": [f"{device.site}/{device.code}" for device in world.devices],
        "resident": [resident.code for resident in world.residents],
    }
    if scope == "*":
        yield scope
    yield from (f"{layer}:{code}" for code in codes.get(layer, ()) if fnmatchcase(code, pattern))
