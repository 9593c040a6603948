"""Emergencies that the watch has heard and that are not recorded yet: kept in memory, without the database."""

import json
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Annotated, Literal

from fastapi.sse import format_sse_event
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from api.inputs import BIGGEST, Code
from devices.scope import Scope

Key = Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]
MOST = 5_000
MOST_GONE = 1_000


class Heard(BaseModel):
    """One emergency, by codes alone."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    key: Key
    site: Code
    device: Code
    type: Literal["sos.pressed", "fall.detected", "smoke.detected", "gas.detected"]
    at: AwareDatetime | None
    heard_at: AwareDatetime


class Gone(BaseModel):
    """What became of one: the feed held all that it caused when it had come to `log_id`."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    key: Key
    outcome: Literal["recorded", "quarantined", "expired"]
    log_id: Annotated[int, Field(ge=0, le=BIGGEST)]


class State(BaseModel):
    """All that the watch holds, each time it says anything: so nothing that was missed matters."""

    model_config = ConfigDict(extra="forbid")
    heard: Annotated[list[Heard], Field(max_length=MOST)]
    gone: Annotated[list[Gone], Field(max_length=MOST_GONE)]


class Board:
    """What the watch said last. `version` moves with each change; `changed` is called then."""

    def __init__(self, changed: Callable[[], None]) -> None:
        self._changed = changed
        self._heard: OrderedDict[str, Heard] = OrderedDict()
        self._gone: dict[str, Gone] = {}
        self.version = 0
        self.told_at: datetime | None = None

    def take(self, state: State, now: datetime) -> None:
        """Hold what the watch says, and nothing else."""
        self.told_at = now
        heard = OrderedDict((each.key, each) for each in state.heard)
        gone = {each.key: each for each in state.gone}
        if (heard, gone) == (self._heard, self._gone):
            return
        self._heard, self._gone = heard, gone
        self.version += 1
        self._changed()

    @property
    def heard(self) -> Sequence[Heard]:
        return list(self._heard.values())

    def holds(self, key: str) -> bool:
        return key in self._heard

    def end_of(self, key: str) -> Gone:
        """What became of one that is not held any more; what nobody knows of has expired."""
        return self._gone.get(key) or Gone(key=key, outcome="expired", log_id=0)


class Strips:
    """What one feed has shown of a board."""

    def __init__(self, board: Board) -> None:
        self._board = board
        self._shown: dict[str, None] = {}
        self._version = -1
        self._held_back = False

    def has_news(self) -> bool:
        return self._version != self._board.version

    def frames(self, scope: Scope, sees: Callable[[Scope, str], bool], after: int) -> Iterable[bytes]:
        """Yield what is new, and what is settled once the feed has come to where that stands in the log."""
        if not self.has_news() and not self._held_back:
            return
        self._version = self._board.version
        for each in self._board.heard:
            if each.key not in self._shown and sees(scope, each.site):
                self._shown[each.key] = None
                yield _frame("heard", each)
        self._held_back = False
        for key in [key for key in self._shown if not self._board.holds(key)]:
            end = self._board.end_of(key)
            if end.log_id > after:
                self._held_back = True
                continue
            del self._shown[key]
            yield _frame("recorded", end)


def _frame(event: str, said: Heard | Gone) -> bytes:
    # No id: where the reader stands in the log does not move.
    data = json.dumps(said.model_dump(mode="json"), ensure_ascii=False, separators=(",", ":"))
    return format_sse_event(data_str=data, event=event)
