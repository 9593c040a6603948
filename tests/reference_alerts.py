"""The reference's alerts: what a deadline, a raise, an end and another alert make of them."""

from typing import Any

from tests.reference_parts import NOTHING, Found, Subject, When


class Alerts:
    """The alerts of subjects; each rule is as its document says."""

    def __init__(self) -> None:
        self.found: list[Found] = []
        self.rules: dict[str, dict[str, Any]] = {}
        self.registry: dict[str, dict[int, dict[str, Any]]] = {k: {} for k in ("site", "place", "resident", "device")}
        self.subjects: dict[tuple[str, str, int], Subject] = {}
        self.alerts = 0
        self.ever: dict[int, dict[str, Any]] = {}  # devices, the removed ones too

    def open_alerts(self) -> list[Subject]:
        return sorted((s for s in self.subjects.values() if s.alert), key=lambda s: s.alert)

    def _zone(self, s: Subject) -> str:
        return str(self.registry["site"][s.site]["timezone"])

    def _next(self, s: Subject) -> int | None:
        """The next deadline of the condition that holds."""
        if s.since is None or not s.present or not s.enabled or s.blind is not None:
            return None
        due = [step.due(s.since, self._zone(s)) for step in s.steps if step.severity < s.fired]
        return min([*due, *([s.mute_due] if s.mute_due is not None else [])], default=None)

    def _fire(self, s: Subject, when: When) -> None:
        assert s.since is not None
        moment = when.moment
        worst = min((p.severity for p in s.steps if p.due(s.since, self._zone(s)) <= moment), default=NOTHING)
        if worst < s.fired:
            s.fired = worst
            if s.alert:
                again = not s.active
                if again:
                    self._tell("occurrence", s, when, event=s.origin)
                if worst < s.severity:
                    s.severity, s.held = worst, s.held and worst > 2
                    self._tell("severity", s, when)
                s.active = True
                if again:
                    self._stand_together(s, when)
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
        s.parent = self._explains(s)
        self._tell("raised", s, when, cause=cause, event=event, parent=s.parent)
        s.active = True
        self._fold(s, when)

    # ------------------------------------------------------------ inhibition
    def _explains(self, s: Subject) -> int:
        """The alert that explains what is told of this subject."""
        for code in sorted(self.rules):
            other = self.subjects.get((code, s.kind, s.id))
            if s.rule in self.rules[code].get("inhibits", []) and other and other.alert and other.active:
                return other.alert
        return 0

    def _children(self, s: Subject) -> list[Subject]:
        keys = [(code, s.kind, s.id) for code in sorted(self.rules[s.rule].get("inhibits", []))]
        return [self.subjects[key] for key in keys if key in self.subjects]

    def _stand_together(self, s: Subject, when: When) -> None:
        if not s.parent and not s.held and (parent := self._explains(s)):
            s.parent = parent
            self._tell("inhibited", s, when, parent=parent)
        self._fold(s, when)

    def _fold(self, s: Subject, when: When) -> None:
        for child in self._children(s):
            if child.alert and child.active and not child.parent and not child.held:
                child.parent = s.alert
                self._tell("inhibited", child, when, parent=s.alert)

    def _ended(self, s: Subject, when: When) -> None:
        number, s.alert, s.severity, s.parent, s.held = s.alert, 0, NOTHING, 0, False
        for child in self._children(s):
            if child.alert and child.parent == number:
                child.parent = self._explains(child)
                self._tell("inhibited" if child.parent else "surfaced", child, when, parent=child.parent)

    def _over(self, s: Subject, when: When) -> None:
        if s.fired == NOTHING:
            return
        if s.alert and s.active:
            self._tell("cleared", s, when)
            if s.severity > 2 or s.parent:
                self._tell("closed", s, when)
                self._ended(s, when)
        s.active, s.fired, s.muted, s.mute_due = False, NOTHING, None, None

    def _tell(
        self,
        change: str,
        s: Subject,
        when: When,
        *,
        cause: str | None = None,
        event: int | None = None,
        parent: int = 0,
    ) -> None:
        about = (s.kind, s.id)
        self.found.append(
            (change, s.alert, when.moment, when.received, s.severity, s.rule, about, cause, event, parent)
        )  # fmt: skip
