"""The public API, as any program uses it: a bearer token and JSON."""

import asyncio
import http.client
import json
import random
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

TIMEOUT = 30  # seconds
BUSY = 503
TRIES = 10
CALLS_AT_ONCE = 16
AGAIN_AFTER = (0.2, 1.0)  # seconds


class ApiError(Exception):
    """The API refused; `status` is HTTP's, the message what the API said."""

    def __init__(self, status: int, said: str) -> None:
        super().__init__(f"the API answered {status}: {said}")
        self.status = status


class ApiClient:
    """One principal's calls. `url` is the server's address without `/api/v1`. Raises ApiError and OSError."""

    def __init__(self, url: str, token: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ValueError("the API's address is written http://host:8420")
        self._parts, self._token = parts, token
        # The loop's own threads are as few as its processors, and calls do nothing but wait.
        self._threads = ThreadPoolExecutor(CALLS_AT_ONCE, thread_name_prefix="api-call")

    async def import_registry(self, text: str) -> None:
        await self._call("POST", "/registry/import", text.encode(), "application/toml")

    async def credentials(self, site: str, device: str) -> tuple[str, str]:
        """New user name and password of a device; they end the old ones."""
        answer = await self._call("POST", f"/sites/{quote(site)}/devices/{quote(device)}/credentials")
        return answer["username"], answer["password"]

    async def rules(self) -> list[dict[str, Any]]:
        answer = await self._call("GET", "/rules")
        items: list[dict[str, Any]] = answer["items"]
        return items

    async def put_overrides(self, rule: str, overrides: list[dict[str, Any]]) -> None:
        await self._call("PUT", f"/rules/{quote(rule)}/overrides", json.dumps(overrides).encode())

    async def alerts(self, **filters: str) -> list[dict[str, Any]]:
        """Every alert that fits, page by page."""
        found: list[dict[str, Any]] = []
        query = {**filters, "limit": "500"}
        while True:
            page = await self._call("GET", f"/alerts?{urlencode(query)}")
            found += page["items"]
            if page["next"] is None:
                return found
            query["cursor"] = page["next"]

    async def close(self, alert: int, *, outcome: str, contact: str) -> None:
        """Claim an alert and close it."""
        await self._call("POST", f"/alerts/{alert}/claim")
        body = {"outcome": outcome, "contact": contact}
        await self._call("POST", f"/alerts/{alert}/close", json.dumps(body).encode())

    async def _call(self, method: str, path: str, body: bytes | None = None, kind: str = "application/json") -> Any:
        """Call, and again a few times where the API says that it is busy and that nothing was changed."""
        for _ in range(TRIES):
            try:
                return await self._in_thread(method, path, body, kind)
            except ApiError as error:
                if error.status != BUSY:
                    raise
            await asyncio.sleep(random.uniform(*AGAIN_AFTER))  # noqa: S311 -- jitter, no secret
        return await self._in_thread(method, path, body, kind)

    async def _in_thread(self, method: str, path: str, body: bytes | None, kind: str) -> Any:
        call = partial(self._request, method, f"/api/v1{path}", body, kind)
        return await asyncio.get_running_loop().run_in_executor(self._threads, call)

    def _request(self, method: str, path: str, body: bytes | None, kind: str) -> Any:
        secure = self._parts.scheme == "https"
        connect = http.client.HTTPSConnection if secure else http.client.HTTPConnection
        connection = connect(str(self._parts.hostname), self._parts.port, timeout=TIMEOUT)
        try:
            headers = {"Authorization": f"Bearer {self._token}", "Content-Type": kind}
            connection.request(method, path, body, headers)
            return _answer(connection.getresponse())
        except http.client.HTTPException as error:
            raise ConnectionError(f"the API's answer broke off: {error!r}") from error
        finally:
            connection.close()


def _answer(response: http.client.HTTPResponse) -> Any:
    text = response.read()
    if response.status >= 300:  # noqa: PLR2004 -- what is no success is told
        raise ApiError(response.status, text.decode(errors="replace")[:500])
    return json.loads(text) if text else None
