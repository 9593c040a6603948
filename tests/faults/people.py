"""People at the desk: they claim, write notes and close, and know which of their actions were answered."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import httpx

from tests.stack import Stack

ANSWER_SECONDS = 5.0
LOOK_SECONDS = 0.2
CLOSED = {"outcome": "accidental", "contact": "by phone"}

Action = tuple[int, str, str]  # alert, what was done, and its note


@dataclass
class Diary:
    """Every action that was tried, and those among them that were answered with 200."""

    tried: list[Action] = field(default_factory=list)
    answered: list[Action] = field(default_factory=list)


class Person:
    """Takes new presses one by one, from the claim to the closing."""

    def __init__(self, stack: Stack, number: int) -> None:
        self.name = f"person {number}"
        self.diary = Diary()
        data = str(stack.data)
        token = stack.command("token", "issue", "--role", "duty", "--data", data).strip()
        self._client = httpx.Client(
            base_url=f"{stack.client.base_url}/api/v1",
            headers={"Authorization": f"Bearer {token}"},
            timeout=ANSWER_SECONDS,
        )
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._work, name=self.name, daemon=True)

    @contextmanager
    def at_work(self) -> Iterator["Person"]:
        self._thread.start()
        try:
            yield self
        finally:
            self._over.set()
            self._thread.join()
            self._client.close()

    def _work(self) -> None:
        while not self._over.wait(LOOK_SECONDS):
            for alert in self._new():
                self._handle(alert)

    def _new(self) -> list[int]:
        with suppress(httpx.TransportError):
            answer = self._client.get("/alerts", params={"rule": "S-01", "handling": "new", "limit": "3"})
            if answer.status_code == httpx.codes.OK:
                return [alert["id"] for alert in answer.json()["items"]]
        return []

    def _handle(self, alert: int) -> None:
        if self._did(alert, "claim", "", {}) and not self._over.is_set():
            said = f"{self.name} says {len(self.diary.tried)}"
            self._did(alert, "note", said, {"note": said})
            said = f"{self.name} closes {len(self.diary.tried)}"
            self._did(alert, "close", said, {**CLOSED, "note": said})

    def _did(self, alert: int, what: str, said: str, body: dict[str, Any]) -> bool:
        """Whether the action was answered with 200; what is not answered may have happened."""
        action = (alert, what, said)
        self.diary.tried.append(action)
        with suppress(httpx.TransportError):
            if self._client.post(f"/alerts/{alert}/{what}", json=body).status_code == httpx.codes.OK:
                self.diary.answered.append(action)
                return True
        return False
