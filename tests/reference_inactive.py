"""The reference's rules about the silence of a resident."""

from typing import Any

from tests.reference_alerts import Alerts
from tests.reference_parts import NOTHING, UNITS, Subject


class Inactive(Alerts):
    """What tells of a resident, which of it works, and when it was last told."""

    def __init__(self) -> None:
        super().__init__()
        self.down: set[int] = set()
        self.meters: dict[int, tuple[int, float]] = {}  # when and what was last read

    def _people(self) -> list[Subject]:
        found = [s for s in self.subjects.values() if self._is_of_a_person(s)]
        return sorted((s for s in found if s.present and s.since is not None), key=Subject.order)

    def _is_of_a_person(self, s: Subject) -> bool:
        """Whether the rule is about the silence of a resident."""
        return s.kind == "resident" and bool(self.rules[s.rule]["primitive"] == "silent")

    # ------------------------------------------------------------ signs of life
    def _signs(self, e: dict[str, Any], device: dict[str, Any], late: bool) -> list[Subject]:
        """Whose silence this event ends."""
        rules = [code for code, rule in self.rules.items() if rule["primitive"] == "silent"]
        wanted = [code for code in rules if e["type"] in self.rules[code].get("on", [])]
        if late or e["stateless"] or not wanted or (e["type"] == "water.metered" and not self._risen(e)):
            return []
        told = [s for s in self._people() if s.rule in wanted and self._tells_of(device, s)]
        return [s for s in told if s.since is not None and e["effective"] > s.since]

    def _risen(self, e: dict[str, Any]) -> bool:
        at, before = self.meters.get(e["device"], (-(2**62), -1.0))
        if e.get("value") is None or e["effective"] < at:
            return False
        self.meters[e["device"]] = e["effective"], e["value"]
        return bool(e["value"] > before)

    # ------------------------------------------------------------ sensors
    def _tells_of(self, device: dict[str, Any], s: Subject) -> bool:
        residents = self.registry["resident"]
        if device.get("resident") in residents:
            return bool(device["resident"] == s.id)
        sleepers = [n for n, r in residents.items() if r.get("bed") and r["bed"] == device.get("place")]
        if len(sleepers) == 1:
            return sleepers[0] == s.id
        return bool(device["site"] == s.site)

    def _works(self, e: dict[str, Any]) -> None:
        """A `device` entry."""
        number, state = e["body"]["device"], e["body"]["state"]
        device = self.registry["device"].get(number)
        if device is None:
            return
        if state == "heard":
            self.down.discard(number)
        elif state == "offline" or device.get("heartbeat"):
            self.down.add(number)
        self._look_around(e["at"], device["site"])

    def _down_no_more(self, devices: list[int]) -> None:
        self.down -= set(devices)

    def _at(self, code: str, site: int) -> list[Subject]:
        """The subjects of a rule at a site."""
        residents = [n for n, r in self.registry["resident"].items() if r["site"] == site]
        places = [n for n, p in self.registry["place"].items() if p["site"] == site]
        keys = [(code, "resident", n) for n in residents] + [(code, "place", n) for n in places]
        return [self.subjects[key] for key in keys if key in self.subjects]

    def _look_around(self, at: int, site: int | None = None) -> None:
        """Where no sensor works, the count stands still; at one site, or everywhere."""
        for s in self._people():
            if site not in {None, s.site}:
                continue
            assert s.since is not None
            seen = any(self._sees(n, d, s) for n, d in self.registry["device"].items())
            if not seen and s.blind is None:
                s.blind = at
            elif seen and s.blind is not None:
                s.since += max(0, at - max(s.blind, s.since))
                s.blind = None
        for s in [s for s in self.subjects.values() if site in {None, s.site} and self._is_a_sequence(s)]:
            seen = any(n not in self.down and (d.get("gateway") or 0) not in self.down for n, d in self._enders(s))
            if s.blind is not None and seen:
                for step in s.steps:
                    step.floor = max(step.floor or 0, at + step.after)
            s.blind = None if seen else at

    def _is_a_sequence(self, s: Subject) -> bool:
        return s.kind == "resident" and s.present and bool(self.rules[s.rule]["primitive"] == "sequence")

    def _enders(self, s: Subject) -> list[tuple[int, dict[str, Any]]]:
        """The registered devices that can tell the end of a sequence."""
        raise NotImplementedError

    def _sees(self, number: int, device: dict[str, Any], s: Subject) -> bool:
        working = number not in self.down and (device.get("gateway") or 0) not in self.down
        return working and device["kind"] in self.rules[s.rule]["kinds"] and self._tells_of(device, s)

    # ------------------------------------------------------------ stalls
    def _paused(self, start: int, end: int) -> None:
        """Steps that are no longer than the stall wait until the home's sensors had time to be heard again."""
        for s in self._people():
            due = self._next(s)
            short = [step for step in s.steps if step.severity < NOTHING and step.after <= end - start]
            if due is None or due <= start:
                continue
            seeing = [d for n, d in self.registry["device"].items() if self._sees(n, d, s)]
            for step in short:
                step.floor = max(step.floor or 0, end + max(map(self._grace, seeing), default=0))

    @staticmethod
    def _grace(device: dict[str, Any]) -> int:
        if device.get("heartbeat"):
            return 3 * int(device["heartbeat"])
        return 0 if device["kind"] in {"camera", "gateway", "guard"} else 9 * UNITS["min"]
