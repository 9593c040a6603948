"""What a device adds to what it says: which of its lives this is, and the count within it.

Faults of the way come after this, as they do outside: a lost message leaves a gap, a doubled one comes twice.
"""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from random import Random

from simulators.acts import Act, Stage
from simulators.world import World

Key = tuple[str, str]  # site, device

# What a hub keeps of its children and sends again: states, not happenings.
STATES = frozenset({"door", "bed", "leak", "smoke", "gas", "tamper", "camera", "battery"})


def counted(world: World) -> Stage:
    """Give every event its `life` and `seq`; let a gateway that tells again repeat its children's last states."""

    def stage(acts: Iterator[Act], _rng: Random) -> Iterator[Act]:
        counts = _Counts(world)
        for act in acts:
            yield from counts.take(act)

    return stage


def speakers(world: World) -> dict[Key, Key]:
    """Who speaks for each device: its gateway, or itself."""
    return {(d.site, d.code): (d.site, d.gateway or d.code) for d in world.devices}


class _Counts:
    def __init__(self, world: World) -> None:
        self._speakers = speakers(world)
        self._lives: dict[Key, int] = defaultdict(int)
        self._seqs: dict[tuple[Key, int], int] = defaultdict(int)
        self._states: dict[Key, dict[tuple[str, str], Act]] = defaultdict(dict)

    def take(self, act: Act) -> Iterator[Act]:
        if act.does == "say":
            yield self._numbered(act)
            return
        speaker = self._speakers.get((act.site, act.device), (act.site, act.device))
        if act.does in {"restart", "tell_again"}:
            self._lives[speaker] += 1
        yield replace(act, does="fall_silent" if act.does == "fall_silent" else "come_back")
        if act.does == "tell_again":
            for known in list(self._states[speaker].values()):
                yield self._numbered(replace(known, after=act.after))

    def _numbered(self, act: Act) -> Act:
        key: Key = (act.site, act.device)
        speaker = self._speakers.get(key, key)
        family = act.type.partition(".")[0]
        if family in STATES:
            self._states[speaker][act.device, family] = act
        life = self._lives[speaker]
        self._seqs[key, life] += 1
        return replace(act, life=life, seq=self._seqs[key, life])


def heard(world: World) -> Stage:
    """Leave out what a device says while it, or its gateway, is silent."""

    def stage(acts: Iterator[Act], _rng: Random) -> Iterator[Act]:
        speaker, silent = speakers(world), set[Key]()
        for act in acts:
            who = speaker[act.site, act.device]
            if act.does == "fall_silent":
                silent.add(who)
            elif act.does != "say":
                silent.discard(who)
            if act.does != "say" or who not in silent:
                yield act

    return stage
