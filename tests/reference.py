"""The rules in slow, plain Python: one entry at a time, every history kept whole. It knows nothing of the engine.

The log is a list of dicts. An event: kind "event", position, device, type, received, effective, timed (whether the
device's own clock is believed), stateless (redelivered, with nothing to tell its order), seq and boot where given.
Other kinds carry at and body as the input log does. Times are microseconds. `found` collects what came of it.
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

SECOND = 1_000_000
UNITS = {"s": SECOND, "min": 60 * SECOND, "h": 3600 * SECOND, "d": 86400 * SECOND}
NOTHING = 9
MUTE = 12 * UNITS["h"]
KINDS = {"site": 0, "place": 1, "resident": 2, "device": 3}
WIDTH = {"*": 0, "site": 1, "place": 2, "resident": 3, "device": 4}
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

# Change, alert, at, received, severity, rule, subject, cause, event.
Found = tuple[str, int, int, int, int, str, tuple[str, int], str | None, int | None]


def duration(text: str) -> int:
    digits = "".join(c for c in text if c.isdigit())
    return int(digits) * UNITS[text[len(digits) :]]


def local(moment: int, zone: str) -> datetime:
    return (EPOCH + timedelta(microseconds=moment)).astimezone(ZoneInfo(zone))


def inside(moment: int, zone: str, between: tuple[time, time]) -> bool:
    start, end = between
    wall = local(moment, zone).time()
    return start <= wall < end if start < end else wall >= start or wall < end


def next_edge(moment: int, zone: str, edge: time) -> int:
    day = local(moment, zone).date()
    found = [datetime.combine(day + timedelta(days=n), edge, tzinfo=ZoneInfo(zone)) for n in (0, 1)]
    return min(m for d in found if (m := (d - EPOCH) // timedelta(microseconds=1)) > moment)


class When(NamedTuple):
    """When something became true, and when and where in the log that was known."""

    moment: int
    received: int
    position: int


@dataclass(slots=True)
class Step:
    after: int
    severity: int
    between: tuple[time, time] | None = None
    outside: bool = False
    floor: int | None = None

    def due(self, since: int, zone: str) -> int:
        moment = max(since + self.after, self.floor if self.floor is not None else since)
        if self.between is None or inside(moment, zone, self.between) != self.outside:
            return moment
        return next_edge(moment, zone, self.between[1 if self.outside else 0])

    def terms(self) -> tuple[Any, ...]:
        return self.after, self.severity, self.between, self.outside


@dataclass(slots=True)
class Subject:
    """A subject under a rule: its parameters, its history, and its alerts."""

    rule: str
    kind: str
    id: int
    site: int
    place: int = 0
    steps: list[Step] = field(default_factory=list)
    enabled: bool = True
    present: bool = True
    since: int | None = None
    origin: int | None = None
    reports: list[tuple[int, int, bool]] = field(default_factory=list)  # time, position, whether it begins
    fired: int = NOTHING
    active: bool = False
    alert: int = 0
    severity: int = NOTHING
    muted: int | None = None
    mute_due: int | None = None
    causes: set[str] = field(default_factory=set)
    newest_cause: dict[str, int] = field(default_factory=dict)
    suspected: int | None = None
    reported: int | None = None
    off: bool = False
    told: int | None = None

    def order(self) -> tuple[str, int, int]:
        return self.rule, KINDS[self.kind], self.id


class Reference:
    """Feed it the log in order."""

    def __init__(self) -> None:
        self.found: list[Found] = []
        self.rules: dict[str, dict[str, Any]] = {}
        self.overrides: dict[str, list[dict[str, Any]]] = {}
        self.registry: dict[str, dict[int, dict[str, Any]]] = {k: {} for k in ("site", "place", "resident", "device")}
        self.subjects: dict[tuple[str, str, int], Subject] = {}
        self.counters: dict[int, tuple[str, int, int]] = {}  # device -> boot, seq, time
        self.alerts = 0

    def feed(self, entry: dict[str, Any]) -> None:
        """Take in one entry."""
        getattr(self, "_" + entry["kind"])(entry)

    def open_alerts(self) -> list[Subject]:
        return sorted((s for s in self.subjects.values() if s.alert), key=lambda s: s.alert)

    # ------------------------------------------------------------ events
    def _event(self, e: dict[str, Any]) -> None:
        device = self.registry["device"].get(e["device"])
        late = self._late(e)
        if device is None:
            return
        if e["type"] == "sos.pressed":
            self._pressed(e, device)
        elif e["stateless"]:
            return
        elif e["type"] in {"door.opened", "door.closed"} and device["place"]:
            subject = self.subjects.get(("D-03", "place", device["place"]))
            if subject and subject.present:
                self._door(subject, e, late)
        elif e["type"].startswith("camera.") and not late:
            subject = self.subjects.get(("H-04", "device", e["device"]))
            if subject and subject.present:
                self._camera(subject, e)

    def _late(self, e: dict[str, Any]) -> bool:
        if "seq" not in e or e["type"].partition(".")[0] not in {"door", "camera"}:
            return False
        boot, seq, moment = self.counters.get(e["device"], (None, 0, 0))
        if boot == e["boot"] and e["seq"] < seq and (not e["timed"] or e["effective"] <= moment):
            return True
        self.counters[e["device"]] = (e["boot"], e["seq"], e["effective"])
        return False

    def _pressed(self, e: dict[str, Any], device: dict[str, Any]) -> None:
        resident = device.get("resident") or 0
        kind, number = ("resident", resident) if resident in self.registry["resident"] else ("site", device["site"])
        subject = self.subjects.get(("S-01", kind, number))
        if subject is None:
            subject = self.subjects["S-01", kind, number] = Subject("S-01", kind, number, device["site"])
            self._fit(subject, None)
        subject.active = True
        when = When(e["effective"], e["received"], e["position"])
        if subject.alert:
            self._tell("occurrence", subject, when, event=e["position"])
        else:
            self._raise(subject, 1, f"event:{e['position']}", when, e["position"])

    def _door(self, s: Subject, e: dict[str, Any], late: bool) -> None:
        newest = max((t for t, _, _ in s.reports), default=None)
        if late and (newest is None or e["effective"] >= newest):
            return
        begins = e["type"] == "door.opened"
        ended = max((t for t, _, b in s.reports if not b), default=None)
        if ended is not None and e["effective"] < ended:
            return
        if begins:
            s.reports.append((e["effective"], e["position"], True))
        else:
            self._shut(s, e)
        opens = sorted(((t, p) for t, p, b in s.reports if b), key=lambda r: r[0])
        s.since, s.origin = opens[0] if opens else (None, None)

    def _shut(self, s: Subject, e: dict[str, Any]) -> None:
        end = e["effective"]
        if s.since is not None and s.since <= end:
            self._run(s, end, e["received"], e["position"])
            self._over(s, When(end, e["received"], e["position"]))
        s.reports = [r for r in s.reports if r[0] > end and r[2]]
        s.reports.append((end, e["position"], False))

    def _camera(self, s: Subject, e: dict[str, Any]) -> None:
        if s.told is not None and e["effective"] < s.told:
            return
        s.told = e["effective"]
        what = e["type"].partition(".")[2]
        if what == "online":
            s.suspected = s.reported = None
            s.off = False
        elif what == "offline":
            s.reported = e["received"] if s.reported is None else s.reported
        else:
            s.off, s.reported = True, None
        self._judge(s, e["received"])

    def _judge(self, s: Subject, moment: int) -> None:
        known = [m for m in (s.suspected, s.reported) if m is not None]
        silent = bool(known) and not s.off
        if silent and s.since is None:
            s.since = known[0]
            for step in s.steps:
                step.floor = moment
        elif not silent and s.since is not None:
            s.since = None
            self._over(s, When(moment, moment, 0))

    # ------------------------------------------------------------ control
    def _device(self, e: dict[str, Any]) -> None:
        s = self.subjects.get(("H-04", "device", e["body"]["device"]))
        if s is None or not s.present:
            return
        if e["body"]["state"] == "heard":
            s.suspected = None
        elif s.suspected is None:
            s.suspected = min(e["body"]["since"], e["at"])
        self._judge(s, e["at"])

    def _stall(self, e: dict[str, Any]) -> None:
        start, end = e["body"]["from"], e["body"]["to"]
        for s in self.subjects.values():
            if s.rule != "H-04" or s.suspected is None or s.reported is not None or s.fired != NOTHING:
                continue
            due = self._next(s)
            if due is not None and due > start:
                for step in s.steps:
                    step.floor = max(step.floor or 0, end + 3 * self.registry["device"][s.id]["heartbeat"])

    def _closing(self, e: dict[str, Any]) -> None:
        body = e["body"]
        s = self.subjects.get((body["rule"], body["subject_kind"], body["subject"]))
        if s is None or s.alert != body["alert"]:
            return
        if s.rule == "S-01":
            s.active = False
        elif s.active:
            s.muted, s.mute_due = s.severity, e["at"] + MUTE
        s.alert, s.severity = 0, NOTHING

    def _watermark(self, e: dict[str, Any]) -> None:
        while due := [
            (m, s.order(), s) for s in self.subjects.values() if (m := self._next(s)) is not None and m <= e["at"]
        ]:
            moment, _, subject = min(due, key=lambda d: d[:2])
            self._fire(subject, When(moment, e["at"], e["position"]))

    def _rules(self, e: dict[str, Any]) -> None:
        body = e["body"]
        self.rules[body["rule"]] = body["definition"]
        self.overrides[body["rule"]] = sorted(body["overrides"], key=lambda o: WIDTH[o["scope"].partition(":")[0]])
        mine = sorted((s for s in self.subjects.values() if s.rule == body["rule"]), key=Subject.order)
        for s in mine:
            self._fit(s, e["at"])
            if not s.enabled:
                self._over(s, When(e["at"], e["at"], 0))
        self._staff(e["at"])

    def _registry(self, e: dict[str, Any]) -> None:
        for kind, known in self.registry.items():
            for document in e["body"].get("upsert", {}).get(kind, []):
                known[document["id"]] = document
            for number in e["body"].get("remove", {}).get(kind, []):
                known.pop(number, None)
        self._staff(e["at"])

    def _staff(self, at: int) -> None:
        devices = self.registry["device"]
        doors = {d["place"] for d in devices.values() if d["kind"] == "door_sensor" and d["place"]}
        wanted = {("D-03", "place", p): p for p in doors if self.registry["place"].get(p, {}).get("kind") == "door"}
        wanted |= {("H-04", "device", n): d["place"] or 0 for n, d in devices.items() if d["kind"] == "camera"}
        wanted = {key: place for key, place in wanted.items() if key[0] in self.rules}
        for key, s in sorted(self.subjects.items(), key=lambda i: i[1].order()):
            if s.rule != "S-01" and s.present and key not in wanted:
                self._over(s, When(at, at, 0))
                s.present, s.since, s.reports = False, None, []
                s.suspected = s.reported = s.told = None
                s.off = False
        for key, place in wanted.items():
            site = devices[key[2]]["site"] if key[1] == "device" else self.registry["place"][key[2]]["site"]
            if key not in self.subjects:
                self.subjects[key] = Subject(*key, site)
                self.subjects[key].place = place
                self._fit(self.subjects[key], None)
            s = self.subjects[key]
            s.present, s.place = True, place
            self._fit(s, at)

    # ------------------------------------------------------------ parameters
    def _fit(self, s: Subject, at: int | None) -> None:
        before, enabled = s.steps, s.enabled
        s.steps, s.enabled = self._steps(s)
        for n, step in enumerate(s.steps):
            if n < len(before):
                same = before[n].terms() == step.terms() and enabled == s.enabled
                step.floor = before[n].floor if same or at is None else at

    def _steps(self, s: Subject) -> tuple[list[Step], bool]:
        rule, enabled = self.rules[s.rule], True
        values: dict[str, Any] = {k: rule[k] for k in ("after", "severity") if k in rule}
        values |= {f"night.{k}": v for k, v in rule.get("night", {}).items()}
        for override in self.overrides[s.rule]:
            layer = override["scope"].partition(":")[0]
            mine = {"*": 0, "site": s.site, "place": s.place, s.kind: s.id}.get(layer)
            if mine is not None and mine == override["id"]:
                values |= override.get("set", {})
                enabled = override.get("enabled", enabled)
        steps = [Step(duration(values.get("after", "0s")), int(values["severity"][1]))]
        if "night.between" in values:
            start, end = values["night.between"]
            steps[0].between, steps[0].outside = (time.fromisoformat(start), time.fromisoformat(end)), True
            night = duration(values["night.after"]), int(values["night.severity"][1])
            steps.append(Step(*night, between=steps[0].between))
        return steps, enabled

    # ------------------------------------------------------------ alerts
    def _zone(self, s: Subject) -> str:
        return str(self.registry["site"][s.site]["timezone"])

    def _next(self, s: Subject) -> int | None:
        """The next deadline of the condition that holds."""
        if s.since is None or not s.present or not s.enabled:
            return None
        due = [step.due(s.since, self._zone(s)) for step in s.steps if step.severity < s.fired]
        return min([*due, *([s.mute_due] if s.mute_due is not None else [])], default=None)

    def _run(self, s: Subject, end: int, received: int, position: int) -> None:
        while (due := self._next(s)) is not None and due <= end:
            self._fire(s, When(due, received, position))

    def _fire(self, s: Subject, when: When) -> None:
        assert s.since is not None
        moment = when.moment
        worst = min((p.severity for p in s.steps if p.due(s.since, self._zone(s)) <= moment), default=NOTHING)
        if worst < s.fired:
            s.fired = worst
            if s.alert:
                if not s.active:
                    self._tell("occurrence", s, when, event=s.origin)
                if worst < s.severity:
                    s.severity = worst
                    self._tell("severity", s, when)
            elif s.muted is None or worst < s.muted:
                self._raise(s, worst, self._cause(s, when, muted=s.muted is not None), when, s.origin)
            s.active = True
        if s.mute_due is not None and s.mute_due <= moment:
            s.mute_due = None
            self._raise(s, s.fired, self._cause(s, when, muted=True), when, s.origin)

    @staticmethod
    def _cause(s: Subject, when: When, *, muted: bool) -> str:
        for word, number in ((("since", s.since),) if not muted else ()) + (("due", when.moment),):
            assert number is not None
            if number > s.newest_cause.get(word, -(2**62)):
                s.newest_cause[word] = number
                return f"{word}:{number}"
        return f"due:{when.moment}@{when.position}"

    def _raise(self, s: Subject, severity: int, cause: str, when: When, event: int | None) -> None:
        self.alerts += 1
        assert cause not in s.causes, "a cause is unique for ever"
        s.causes.add(cause)
        s.alert, s.severity, s.muted, s.mute_due = self.alerts, severity, None, None
        self._tell("raised", s, when, cause=cause, event=event)

    def _over(self, s: Subject, when: When) -> None:
        if s.fired == NOTHING:
            return
        if s.alert and s.active:
            self._tell("cleared", s, when)
            if s.severity > 2:
                self._tell("closed", s, when)
                s.alert, s.severity = 0, NOTHING
        s.active, s.fired, s.muted, s.mute_due = False, NOTHING, None, None

    def _tell(self, change: str, s: Subject, when: When, cause: str | None = None, event: int | None = None) -> None:
        about = (s.kind, s.id)
        self.found.append((change, s.alert, when.moment, when.received, s.severity, s.rule, about, cause, event))
