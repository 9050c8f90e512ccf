"""The only place of the client that does input and output: calls over httpx, blocking and awaited.

Loaded by the first client that is made and not with the package: httpx takes longer to load than all the rest.
"""

import asyncio
import ssl
import time
from collections.abc import AsyncIterator, Iterator
from functools import cache
from secrets import SystemRandom
from typing import Any, Final, TypeVar
from uuid import uuid4

import httpx

from treehold import __version__
from treehold.client.answers import Answer, check_bytes
from treehold.client.calls import Call, json_body
from treehold.client.errors import InvalidInput
from treehold.client.tries import Broken, Tries, no_answer

T = TypeVar("T")
_dice: Final = SystemRandom().random
_URL_CHARACTERS_MAX: Final = 60_000
"""Longest URL that is sent: servers and httpx stop at 64 KiB."""


class BlockingLink:
    """Calls to routes whose URLs begin with ``api``; each waits for its answer. Threads may share it."""

    def __init__(self, api: str, token: str, *, timeout: float, retries: int) -> None:
        self._api = api
        self._retries = retries
        self._http = httpx.Client(**_settings(token, timeout))

    def run(self, call: Call[T]) -> T:
        """Make a call, again if need be, and answer what it reads; raises ArtifactsError."""
        tries, request = _tries(call, self._retries), _request(self._api, call)
        while True:
            try:
                answer = _answer(self._http.request(**request))
            except httpx.HTTPError as error:
                pause = tries.pause_after_break(_broken(error))
            else:
                again = tries.pause_after(answer)
                if again is None:
                    return call.read(answer)
                pause = again
            time.sleep(pause)

    def stream(self, call: Call[Any]) -> Iterator[bytes]:
        """Make a call and answer its bytes as they come, tried again only until the first of them."""
        tries, request = _tries(call, self._retries), _request(self._api, call)
        while True:
            has_begun = False
            try:
                with self._http.stream(**request) as response:
                    if not response.is_success:
                        response.read()
                    pause = tries.pause_after(_head(response))
                    if pause is None:
                        check_bytes(_head(response))
                        has_begun = True
                        yield from response.iter_bytes()
                        return
            except httpx.HTTPError as error:
                if has_begun:
                    raise no_answer(_broken(error)) from error
                pause = tries.pause_after_break(_broken(error))
            time.sleep(pause)

    def sleep(self, seconds: float) -> None:
        """Wait."""
        time.sleep(seconds)

    def close(self) -> None:
        """End all connections."""
        self._http.close()


class AsyncLink:
    """The same, awaited: calls may run beside each other in one event loop."""

    def __init__(self, api: str, token: str, *, timeout: float, retries: int) -> None:
        self._api = api
        self._retries = retries
        self._http = httpx.AsyncClient(**_settings(token, timeout))

    async def run(self, call: Call[T]) -> T:
        """Make a call, again if need be, and answer what it reads; raises ArtifactsError."""
        tries, request = _tries(call, self._retries), _request(self._api, call)
        while True:
            try:
                answer = _answer(await self._http.request(**request))
            except httpx.HTTPError as error:
                pause = tries.pause_after_break(_broken(error))
            else:
                again = tries.pause_after(answer)
                if again is None:
                    return call.read(answer)
                pause = again
            await asyncio.sleep(pause)

    async def stream(self, call: Call[Any]) -> AsyncIterator[bytes]:
        """Make a call and answer its bytes as they come, tried again only until the first of them."""
        tries, request = _tries(call, self._retries), _request(self._api, call)
        while True:
            has_begun = False
            try:
                async with self._http.stream(**request) as response:
                    if not response.is_success:
                        await response.aread()
                    pause = tries.pause_after(_head(response))
                    if pause is None:
                        check_bytes(_head(response))
                        has_begun = True
                        async for piece in response.aiter_bytes():
                            yield piece
                        return
            except httpx.HTTPError as error:
                if has_begun:
                    raise no_answer(_broken(error)) from error
                pause = tries.pause_after_break(_broken(error))
            await asyncio.sleep(pause)

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        await asyncio.sleep(seconds)

    async def close(self) -> None:
        """End all connections."""
        await self._http.aclose()


def _settings(token: str, timeout: float) -> dict[str, Any]:
    """What both kinds of client of httpx are made with."""
    return {
        "headers": {"authorization": f"Bearer {token}", "user-agent": f"treehold-python/{__version__}"},
        # Calls that wait for one of the pool's connections wait for each other, not for the server.
        "timeout": httpx.Timeout(timeout, pool=None),
        "follow_redirects": False,
        "verify": _authorities(),
    }


@cache
def _authorities() -> ssl.SSLContext:
    """Whose certificates count. To load them takes 30 ms of CPU, so all clients of a process share them."""
    return httpx.create_ssl_context()


def _tries(call: Call[Any], retries: int) -> Tries:
    return Tries(call.method, again=retries, dice=_dice)


def _request(api: str, call: Call[Any]) -> dict[str, Any]:
    url = api + call.path
    if len(url) > _URL_CHARACTERS_MAX:
        raise InvalidInput("a name, path or ref is too long for a URL", "INVALID_INPUT", 10100)
    headers = {"idempotency-key": str(uuid4())} if call.method == "POST" else {}
    return {"method": call.method, "url": url, "json": json_body(call), "headers": headers}


def _answer(response: httpx.Response) -> Answer:
    return Answer(response.status_code, response.headers, response.content)


def _head(response: httpx.Response) -> Answer:
    """What is known of an answer whose bytes are still to come, if it is one of success."""
    body = b"" if response.is_success else response.content
    return Answer(response.status_code, response.headers, body)


def _broken(error: Exception) -> Broken:
    reason = str(error) or type(error).__name__
    if isinstance(error, httpx.ConnectError | httpx.ConnectTimeout):
        return Broken("unreachable", reason)
    return Broken("slow" if isinstance(error, httpx.TimeoutException) else "cut", reason)
