"""The rules in slow, plain Python: one entry at a time, every history kept whole. It knows nothing of the engine.

The log is a list of dicts. An event: kind "event", position, device, type, received, effective, timed (whether the
device's own clock is believed), stateless (redelivered, with nothing to tell its order), seq and boot where given.
Other kinds carry at and body as the input log does. Times are microseconds. `found` collects what came of it.
"""

from datetime import time
from typing import Any

from tests.reference_inactive import Inactive
from tests.reference_parts import (
    FAMILIES,
    MUTE,
    NEVER,
    NOTHING,
    STATES,
    WIDTH,
    Step,
    Subject,
    When,
    duration,
    hours,
    inside,
)

_PLAIN = ("after", "severity", "between", "times", "within", "quiet")


class Reference(Inactive):
    """Feed it the log in order."""

    def __init__(self) -> None:
        super().__init__()
        self.overrides: dict[str, list[dict[str, Any]]] = {}
        self.said: dict[int, str] = {}  # what each door sensor and mat said last
        self.counters: dict[int, tuple[str, int, int]] = {}  # device -> boot, seq, time

    def feed(self, entry: dict[str, Any]) -> None:
        """Take in one entry."""
        getattr(self, "_" + entry["kind"])(entry)

    # ------------------------------------------------------------ events
    def _event(self, e: dict[str, Any]) -> None:
        device = self.ever.get(e["device"])
        late = self._late(e)
        if device is None:
            return
        changed = self._is_change(e, late)
        ending = self._signs(e, device, late)
        if not e["stateless"]:
            ending += self._state(e, device, late) + self._sequences(e, device, late, changed=changed)
        counting = self._counting(e, device) if changed and not late and not e["stateless"] else []
        self._finish([*ending, *(s for s in counting if s.reached)], e)
        for s in counting:
            self._count(s, e)
        for code in self._rules_of("event"):
            self._tells(code, e, device, late)
        if not e["stateless"]:
            camera = self.subjects.get(("H-04", "device", e["device"]))
            if e["type"].startswith("camera.") and not late and camera and camera.present:
                self._camera(camera, e)

    def _rules_of(self, primitive: str) -> list[str]:
        return sorted(code for code, rule in self.rules.items() if rule["primitive"] == primitive)

    def _late(self, e: dict[str, Any]) -> bool:
        if "seq" not in e or e["type"].partition(".")[0] not in FAMILIES or e["device"] not in self.ever:
            return False
        boot, seq, moment = self.counters.get(e["device"], (None, 0, 0))
        if boot == e["boot"] and e["seq"] < seq and (not e["timed"] or e["effective"] <= moment):
            return True
        self.counters[e["device"]] = (e["boot"], e["seq"], e["effective"])
        return False

    def _tells(self, code: str, e: dict[str, Any], device: dict[str, Any], late: bool) -> None:
        rule = self.rules[code]
        if e["type"] not in [*rule["on"], *rule.get("ends", [])]:
            return
        resident = device.get("resident") or 0
        personal = rule["subject"] == "resident" and resident in self.registry["resident"]
        subject = self._subject(code, *(("resident", resident) if personal else ("site", device["site"])), device)
        when = When(e["effective"], e["received"], e["position"])
        if e["type"] in rule["on"]:
            if rule.get("ends"):
                subject.lasting[e["device"]] = max(e["effective"], subject.lasting.get(e["device"], e["effective"]))
            self._happened(subject, when, e["position"])
            return
        since = subject.lasting.get(e["device"])
        longest = duration(rule["ends_within"]) if "ends_within" in rule else NEVER
        in_time = since is not None and 0 <= e["effective"] - since <= longest
        if in_time and not late and not e["stateless"]:
            self._no_longer(subject, {e["device"]}, when)

    def _subject(self, code: str, kind: str, number: int, device: dict[str, Any]) -> Subject:
        key = (code, kind, number)
        if key not in self.subjects:
            self.subjects[key] = Subject(code, kind, number, device["site"])
            place = {"place": number, "device": device["place"] or 0}
            self.subjects[key].place = place.get(kind, 0)
            self._fit(self.subjects[key], None)
        return self.subjects[key]

    def _happened(self, s: Subject, when: When, position: int) -> None:
        s.active = True
        if s.alert:
            self._tell("occurrence", s, when, event=position)
            self._stand_together(s, when)
        else:
            self._raise(s, int(self.rules[s.rule]["severity"][1]), f"event:{position}", when, position)

    def _no_longer(self, s: Subject, devices: set[int], when: When) -> None:
        s.lasting = {d: at for d, at in s.lasting.items() if d not in devices}
        if not s.lasting:
            if s.alert and s.active:
                self._tell("cleared", s, when)
            s.active = False

    def _state(self, e: dict[str, Any], device: dict[str, Any], late: bool) -> list[Subject]:
        """A state begins or ends, for every rule that watches it; returns whose ends with something to tell."""
        ending: list[Subject] = []
        for code in self._rules_of("held"):
            begins, ends, _ = STATES[self.rules[code]["state"]]
            s = self._spoken_for(code, e, device) if e["type"] in {begins, ends} else None
            if s is not None:
                ending += self._reported(s, e, late, begins=e["type"] == begins)
        return ending

    def _reported(self, s: Subject, e: dict[str, Any], late: bool, *, begins: bool) -> list[Subject]:
        """One report of a state; returns the subject where that ends with something to tell."""
        if not self._is_news(s, e, late):
            return []
        if begins:
            s.reports.append((e["effective"], e["position"], True))
            self._begin(s)
        elif s.since is not None and s.since <= e["effective"]:
            return [s]
        else:
            self._shut(s, e)
        return []

    def _is_change(self, e: dict[str, Any], late: bool) -> bool:
        """Whether a door sensor or a mat does not say what it said last; other events are as they are."""
        if not e["type"].startswith(("door.", "bed.")):
            return True
        if late or e["stateless"]:
            return late
        before, self.said[e["device"]] = self.said.get(e["device"]), e["type"]
        return bool(before != e["type"])

    def _is_of(self, s: Subject, e: dict[str, Any], device: dict[str, Any], rule: dict[str, Any]) -> bool:
        """Whether what the device tells is of this subject: doors begin with their own sensor alone."""
        if s.kind == "resident":
            return self._tells_of(device, s)
        own = self._is_one(e, device, rule, "first")
        return bool(device["place"] == s.id if own else device["site"] == s.site)

    def _sequences(self, e: dict[str, Any], device: dict[str, Any], late: bool, *, changed: bool) -> list[Subject]:
        """The first or the second part of a sequence, for everybody of whom the device tells."""
        ending: list[Subject] = []
        for s in self._near(device, "sequence", e["type"]):
            rule = self.rules[s.rule]
            if not self._is_of(s, e, device, rule):
                continue
            if s.kind == "place" and not changed:
                continue
            may_begin = not rule.get("whole") or self._within(s, e["effective"])
            lasts = s.since is not None and s.since <= e["effective"]
            if self._is_one(e, device, rule, "first"):
                if may_begin and lasts and rule.get("each"):
                    ending += self._restarted(s, e, late, again=True)
                elif may_begin:
                    ending += self._reported(s, e, late, begins=True)
            elif self._is_one(e, device, rule, "then"):
                ending += self._reported(s, e, late, begins=False)
            elif self._is_one(e, device, rule, "meanwhile") and lasts:
                ending += self._restarted(s, e, late, again=may_begin)
        return ending

    def _counting(self, e: dict[str, Any], device: dict[str, Any]) -> list[Subject]:
        """Of whom this is one more to be counted."""
        found = []
        for s in self._near(device, "count", e["type"]):
            rule = self.rules[s.rule]
            counts = self._is_one(e, device, rule, "first") and self._is_of(s, e, device, rule)
            if counts and self._within(s, e["effective"]):
                found.append(s)
        return found

    def _near(self, device: dict[str, Any], primitive: str, what: str) -> list[Subject]:
        """The watched subjects of such rules that a device may tell of: all others are elsewhere, and many."""
        found = []
        for code in self._rules_of(primitive):
            parts = [self.rules[code].get(key, []) for key in ("first", "then", "meanwhile")]
            flat = [part for given in parts for part in (given if isinstance(given, list) else [given])]
            if not any(what in part["on"] for part in flat):
                continue
            own = self.subjects.get((code, "resident", device.get("resident") or 0))
            there = {id(s): s for s in [*self._at(code, device["site"]), *([own] if own else [])]}
            found += sorted((s for s in there.values() if s.present), key=Subject.order)
        return found

    def _count(self, s: Subject, e: dict[str, Any]) -> None:
        when = When(e["effective"], e["received"], e["position"])
        s.counted = sorted([*s.counted, e["effective"]])
        s.counted = [m for m in s.counted if m > s.counted[-1] - s.within]
        for first, last in zip(s.counted, s.counted[s.times - 1 :], strict=False):
            if first <= e["effective"] <= last:
                s.reached = True
                self._counted_enough(s, when._replace(moment=last))
                return

    def _counted_enough(self, s: Subject, when: When) -> None:
        s.active = True
        if s.alert:
            self._tell("occurrence", s, when, event=when.position)
            if s.steps[0].severity < s.severity:
                s.severity, s.held = s.steps[0].severity, s.held and s.steps[0].severity > 2
                self._tell("severity", s, when)
            self._stand_together(s, when)
        elif s.enabled and (s.muted is None or s.steps[0].severity < s.muted):
            self._raise(s, s.steps[0].severity, f"event:{when.position}", when, when.position)

    def _quiet_at(self, s: Subject) -> int | None:
        return s.counted[-1] + s.quiet if s.reached else None

    def _is_quiet(self, s: Subject, when: When) -> None:
        s.reached, s.counted = False, []
        s.fired = 0
        self._over(s, when)

    def _restarted(self, s: Subject, e: dict[str, Any], late: bool, *, again: bool) -> list[Subject]:
        """It ends, and begins there anew."""
        ended = self._reported(s, e, late, begins=False)
        s.begins_again = bool(ended) and again
        return ended

    def _is_one(self, e: dict[str, Any], device: dict[str, Any], rule: dict[str, Any], key: str) -> bool:
        parts = rule.get(key, [])
        return any(
            e["type"] in part["on"] and self._stands(device, part)
            for part in (parts if isinstance(parts, list) else [parts])
        )

    def _within(self, s: Subject, moment: int) -> bool:
        between = s.steps[0].between
        return between is not None and inside(moment, self._zone(s), between)

    def _stands(self, device: dict[str, Any], part: dict[str, Any]) -> bool:
        if self.registry["site"][device["site"]]["kind"] not in part.get("sites", ["home", "institution"]):
            return False
        role = self.registry["place"].get(device.get("place") or 0, {}).get("role")
        return role in part["at"] if "at" in part else role not in part.get("not_at", [])

    def _spoken_for(self, code: str, e: dict[str, Any], device: dict[str, Any]) -> Subject | None:
        rule = self.rules[code]
        if STATES[rule["state"]][2] is None:
            key = ("device", e["device"])
        elif device["place"]:
            key = ("place", device["place"])
        elif "otherwise" in rule:
            key = ("site", device["site"])
        else:
            return None
        if (code, *key) not in self.subjects and (rule["state"] == "open" or not self._wanted(code, *key)):
            return None
        s = self._subject(code, *key, self._located(*key, device))
        return s if s.present else None

    def _located(self, kind: str, number: int, device: dict[str, Any]) -> dict[str, Any]:
        site = self.registry["place"][number]["site"] if kind == "place" else device["site"]
        return {**device, "site": site}

    def _is_news(self, s: Subject, e: dict[str, Any], late: bool) -> bool:
        newest = max((t for t, _, _ in s.reports), default=None)
        ended = max((t for t, _, b in s.reports if not b), default=None)
        if late and (newest is None or e["effective"] >= newest):
            return False
        return ended is None or e["effective"] >= ended

    def _begin(self, s: Subject) -> None:
        begins = sorted(((t, p) for t, p, b in s.reports if b), key=lambda r: r[0])
        s.since, s.origin = begins[0] if begins else (None, None)

    def _finish(self, ending: list[Subject], e: dict[str, Any]) -> None:
        """What fell due before the end, of all rules in the order of due, each rule's end at its place."""
        quiet = {s.order(): due for s in ending if (due := self._quiet_at(s)) is not None}
        left = {s.order(): s for s in ending if quiet.get(s.order(), 0) <= e["effective"]}
        while left:
            steps = []
            for order, s in left.items():
                if order in quiet:
                    steps.append((quiet[order], order, 2))
                    continue
                due = self._next(s)
                steps.append(
                    (due, order, 0) if due is not None and due <= e["effective"] else (e["effective"], order, 2)
                )
            moment, order, what = min(steps)
            when = When(moment, e["received"], e["position"])
            if order in quiet:
                self._is_quiet(left.pop(order), when)
            elif what == 0:
                self._fire(left[order], when)
            else:
                self._over(left[order], when)
                self._shut(left.pop(order), e)

    def _shut(self, s: Subject, e: dict[str, Any]) -> None:
        end = e["effective"]
        if self._is_of_a_person(s):
            s.since, s.origin = end, e["position"]
            return
        s.reports = [r for r in s.reports if r[0] > end and r[2]]
        s.reports.append((end, e["position"], False))
        if s.begins_again:
            s.reports.append((end, e["position"], True))
            s.begins_again = False
        self._begin(s)

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
        self._works(e)
        for code in self._rules_of("silent"):
            s = self.subjects.get((code, "device", e["body"]["device"]))
            if s is None or not s.present:
                continue
            if e["body"]["state"] == "heard":
                s.suspected = None
            elif s.suspected is None:
                s.suspected = min(e["body"]["since"], e["at"])
            self._judge(s, e["at"])

    def _stall(self, e: dict[str, Any]) -> None:
        start, end = e["body"]["from"], e["body"]["to"]
        self._paused(start, end)
        for s in self.subjects.values():
            silent = self.rules[s.rule]["primitive"] == "silent" and s.kind == "device"
            if not silent or s.suspected is None or s.reported is not None or s.fired != NOTHING:
                continue
            due = self._next(s)
            if due is not None and due > start:
                for step in s.steps:
                    step.floor = max(step.floor or 0, end + self._grace(self.ever[s.id]))

    def _acted(self, e: dict[str, Any]) -> Subject | None:
        body = e["body"]
        s = self.subjects.get((body["rule"], body["subject_kind"], body["subject"]))
        return s if s is not None and s.alert == body["alert"] else None

    def _claim(self, e: dict[str, Any]) -> None:
        if s := self._acted(e):
            s.held, s.parent = e["body"]["held"], 0

    def _closing(self, e: dict[str, Any]) -> None:
        s = self._acted(e)
        if s is None:
            return
        if self.rules[s.rule]["primitive"] == "event":
            s.active = False
        elif s.active:
            alone = self.rules[s.rule].get("whole") or self.rules[s.rule]["primitive"] == "count"
            s.muted, s.mute_due = s.severity, None if alone else e["at"] + MUTE
        self._ended(s, When(e["at"], e["at"], e["position"]))

    def _watermark(self, e: dict[str, Any]) -> None:
        while due := [
            (m, s.order(), s) for s in self.subjects.values() if (m := self._falls(s)) is not None and m <= e["at"]
        ]:
            moment, _, subject = min(due, key=lambda d: d[:2])
            when = When(moment, e["at"], e["position"])
            self._is_quiet(subject, when) if subject.reached else self._fire(subject, when)

    def _falls(self, s: Subject) -> int | None:
        return self._quiet_at(s) if s.reached else self._next(s)

    def _rules(self, e: dict[str, Any]) -> None:
        body = e["body"]
        self.rules[body["rule"]] = body["definition"]
        self.overrides[body["rule"]] = sorted(body["overrides"], key=lambda o: WIDTH[o["scope"].partition(":")[0]])
        mine = sorted((s for s in self.subjects.values() if s.rule == body["rule"]), key=Subject.order)
        for s in mine:
            self._fit(s, e["at"])
            if not s.enabled:
                when = When(e["at"], e["at"], e["position"])
                self._is_quiet(s, when) if s.reached else self._over(s, when)
                s.counted = []
        self._staff(e, [body["rule"]])

    def _registry(self, e: dict[str, Any]) -> None:
        self._down_no_more(e["body"].get("remove", {}).get("device", []))
        for kind, known in self.registry.items():
            for document in e["body"].get("upsert", {}).get(kind, []):
                known[document["id"]] = document
                if kind == "device":
                    self.ever[document["id"]] = document
            for number in e["body"].get("remove", {}).get(kind, []):
                known.pop(number, None)
        self._staff(e, sorted(self.rules))

    def _staff(self, e: dict[str, Any], rules: list[str]) -> None:
        """Who is watched now; what is not any more, is over."""
        when = When(e["at"], e["at"], e["position"])
        for key, s in sorted(self.subjects.items(), key=lambda i: i[1].order()):
            if key[0] not in rules:
                continue
            if self.rules[s.rule]["primitive"] == "event":
                if gone := {d for d in s.lasting if d not in self.registry["device"]}:
                    self._no_longer(s, gone, when)
            elif not self._wanted(*key):
                self._unwatch(s, when)
        for key in self._watched(rules):
            kind, number = key[1:]
            document = self.registry[kind][number]
            s = self._subject(*key, {"place": None, "site": number, **document})
            if self._is_of_a_person(s) and (s.since is None or not s.present):
                s.since, s.origin = e["at"], None
            s.present = True
            s.site = document.get("site", number)
            s.place = {"place": number, "device": document.get("place") or 0}.get(kind, 0)
            self._fit(s, e["at"])
        self._look_around(e["at"])

    def _unwatch(self, s: Subject, when: When) -> None:
        if s.present:
            self._is_quiet(s, when) if s.reached else self._over(s, when)
            s.present, s.since, s.reports, s.counted = False, None, [], []
            s.suspected = s.reported = s.told = s.blind = None
            s.off = False

    def _watched(self, rules: list[str]) -> list[tuple[str, str, int]]:
        """Doors and silent devices from the first, other subjects once they were told of."""
        wanted = []
        for code in rules:
            rule = self.rules[code]
            if rule["primitive"] in {"silent", "sequence", "count"} or rule.get("state") == "open":
                known = [(code, rule["subject"], n) for n in self.registry[rule["subject"]]]
            else:
                known = [key for key in self.subjects if key[0] == code and rule["primitive"] == "held"]
            wanted += [key for key in known if self._wanted(*key)]
        return wanted

    def _wanted(self, code: str, kind: str, number: int) -> bool:
        rule, document = self.rules[code], self.registry[kind].get(number)
        if document is None:
            return False
        site = document.get("site", number)
        if "sites" in rule and self.registry["site"][site]["kind"] not in rule["sites"]:
            return False
        if kind == "place" and rule["primitive"] in {"sequence", "count"}:
            there = [r for r in self.registry["resident"].values() if r["site"] == site]
            somebody = not there or any(r.get("presence", "home") in rule["presence"] for r in there)
            return somebody and self._has_sensor({**rule, "state": "open"}, kind, number, document)
        if kind == "resident":
            return document.get("presence", "home") in rule["presence"] and (
                rule["primitive"] == "silent" or self._can_be_ended(rule, number, document)
            )
        if rule["primitive"] == "silent":
            return document["kind"] in rule["kinds"]
        return STATES[rule["state"]][2] is None or self._has_sensor(rule, kind, number, document)

    def _can_be_ended(self, rule: dict[str, Any], number: int, resident: dict[str, Any]) -> bool:
        return bool(self._ending(rule, Subject("", "resident", number, resident["site"])))

    def _enders(self, s: Subject) -> list[tuple[int, dict[str, Any]]]:
        return self._ending(self.rules[s.rule], s)

    def _ending(self, rule: dict[str, Any], whom: Subject) -> list[tuple[int, dict[str, Any]]]:
        then = rule["then"] if "then" in rule else rule["first"]
        then = then if isinstance(then, list) else [then]
        return [
            (n, d)
            for n, d in self.registry["device"].items()
            if d["kind"] in rule["kinds"] and any(self._stands(d, part) for part in then) and self._tells_of(d, whom)
        ]

    def _has_sensor(self, rule: dict[str, Any], kind: str, number: int, document: dict[str, Any]) -> bool:
        tells = [d for d in self.registry["device"].values() if d["kind"] == STATES[rule["state"]][2]]
        if kind == "site":
            return any(d["site"] == number and not d["place"] for d in tells)
        if rule["state"] == "open" and not (
            document["kind"] == "door"
            and (not rule.get("sealed") or document.get("sealed"))
            and ("roles" not in rule or document["role"] in rule["roles"])
        ):
            return False
        return any(d["place"] == number for d in tells)

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
        values: dict[str, Any] = {k: rule[k] for k in _PLAIN if k in rule}
        for table in ("night", "off_hours"):
            values |= {f"{table}.{k}": v for k, v in rule.get(table, {}).items()}
        for case in rule.get("when", []):
            if self._is_case(case, s):
                values |= case["set"]
        further: list[dict[str, Any]] = values.pop("steps", rule.get("steps", []))
        for override in self.overrides[s.rule]:
            layer = override["scope"].partition(":")[0]
            mine = {"*": 0, "site": s.site, "place": s.place, s.kind: s.id}.get(layer)
            if mine is not None and mine == override["id"]:
                given = dict(override.get("set", {}))
                if "steps" in given:
                    further = given.pop("steps")
                    values = {k: v for k, v in values.items() if not k.startswith("steps.")}
                values |= given
                enabled = override.get("enabled", enabled)
        if rule["primitive"] == "count":
            s.times, s.within, s.quiet = values["times"], duration(values["within"]), duration(values["quiet"])
        steps = [Step(duration(values.get("after", "0s")), int(values["severity"][1]))]
        self._frame(steps[0], values, whole=rule.get("whole", False))
        if steps[0].outside:
            night = duration(values["night.after"]), int(values["night.severity"][1])
            steps.append(Step(*night, between=steps[0].between))
        if "off_hours" in rule:
            steps.append(self._off_hours(s, values))
        return steps + self._further(rule, further, values), enabled

    @staticmethod
    def _frame(first: Step, values: dict[str, Any], *, whole: bool) -> None:
        """The window of the rule's own step: its own, or all that is not night."""
        first.outside, first.whole = "night.between" in values, whole
        if given := values.get("night.between", values.get("between")):
            first.between = time.fromisoformat(given[0]), time.fromisoformat(given[1])

    @staticmethod
    def _further(rule: dict[str, Any], given: list[dict[str, Any]], values: dict[str, Any]) -> list[Step]:
        """The steps after the first; there is room for three, of which some may not be there."""
        steps: list[Step] = []
        for n in range(1, 4) if "steps" in rule else ():
            told = given[n - 1] if n <= len(given) else {"after": "0s", "severity": f"P{NOTHING}"}
            after = duration(values.get(f"steps.{n}.after", told["after"]))
            steps.append(Step(after, int(values.get(f"steps.{n}.severity", told["severity"])[1])))
        return steps

    def _off_hours(self, s: Subject, values: dict[str, Any]) -> Step:
        step = Step(duration(values["off_hours.after"]), int(values["off_hours.severity"][1]))
        given = self.registry["place"].get(s.id, {}).get("open_hours")
        if given is None:
            step.severity = NOTHING
        else:
            step.windows = [hours(text) for text in given]
        return step

    def _is_case(self, case: dict[str, Any], s: Subject) -> bool:
        known = self.registry["resident"]
        residents = [known[s.id]] if s.kind == "resident" else [r for r in known.values() if r["site"] == s.site]
        return (
            case.get("site", self.registry["site"][s.site]["kind"]) == self.registry["site"][s.site]["kind"]
            and ("power" not in case or self.ever[s.id].get("power") == case["power"])
            and ("flag" not in case or any(case["flag"] in r["flags"] for r in residents))
        )
