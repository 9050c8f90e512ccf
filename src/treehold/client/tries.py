"""When a call is tried again, and how long one waits before. Decisions alone: whoever makes them true sleeps and asks.

Every call may be repeated: reading and deleting by their nature, changes because they set values, and a POST because it
carries an ``Idempotency-Key`` by which the server knows it again. What is not repeated is a call that the server let
wait beyond the time-out: it is at work, and asking twice doubles the work.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final, Literal

from treehold.client.answers import Answer
from treehold.client.errors import InProgress, Unavailable

RETRY_AFTER_SECONDS_MAX: Final = 60.0
"""Longest wait that a server may ask for; beyond it the caller hears at once, and can do something better."""
_FIRST_PAUSE_SECONDS: Final = 0.25
_PAUSE_SECONDS_MAX: Final = 8.0
_FIRST_POLL_SECONDS: Final = 0.1
_POLL_SECONDS_MAX: Final = 2.0
_REASON_MAX: Final = 200
_BUSY: Final = frozenset({429, 503})
_GATEWAY: Final = frozenset({502, 504})

Dice = Callable[[], float]
"""Answers a number from 0 to 1, so that many clients that were refused at once do not come back at once."""


@dataclass(frozen=True, slots=True)
class Broken:
    """An exchange without a whole answer: no connection, a connection that ended, or one on which nothing came."""

    kind: Literal["unreachable", "cut", "slow"]
    reason: str


class Tries:
    """The tries of one call: ``again`` says how often it may be repeated."""

    def __init__(self, method: str, *, again: int, dice: Dice) -> None:
        self._method = method
        self._left = again
        self._next_pause = _FIRST_PAUSE_SECONDS
        self._dice = dice

    def pause_after(self, answer: Answer) -> float | None:
        """Seconds to wait before the next try; None if this answer is the last."""
        asked = answer.retry_after
        is_too_long = asked is not None and asked > RETRY_AFTER_SECONDS_MAX
        if self._left <= 0 or is_too_long or not self._is_passing(answer):
            return None
        return self._pause(asked)

    def pause_after_break(self, broken: Broken) -> float:
        """Seconds to wait before the next try; raises Unavailable if there is none."""
        if self._left <= 0 or broken.kind == "slow":
            raise no_answer(broken)
        return self._pause(None)

    def _is_passing(self, answer: Answer) -> bool:
        if answer.status in _GATEWAY:
            return self._method != "POST"  # an import is answered so when its remote fails
        if answer.status == 409:
            return answer.retry_after is not None  # an earlier try of this very call is still under way
        return answer.status in _BUSY

    def _pause(self, asked: float | None) -> float:
        self._left -= 1
        own = self._next_pause * (1 + self._dice()) / 2
        self._next_pause = min(self._next_pause * 2, _PAUSE_SECONDS_MAX)
        return own if asked is None else asked


def no_answer(broken: Broken) -> Unavailable:
    """What is raised when no whole answer came."""
    said = {
        "unreachable": "the server cannot be reached",
        "cut": "the connection ended before the whole answer",
        "slow": "the server did not answer in time",
    }[broken.kind]
    return Unavailable(f"{said}: {broken.reason[:_REASON_MAX]}", "UNAVAILABLE")


def poll_pauses(timeout: float) -> Iterator[float]:
    """How long to wait after each look at something that takes ``timeout`` seconds at most; 0 after the last look."""
    pause = _FIRST_POLL_SECONDS
    while timeout > 0:
        yield min(pause, timeout)
        timeout -= pause
        pause = min(pause * 1.5, _POLL_SECONDS_MAX)
    yield 0.0


def not_ready(name: str, status: str, timeout: float) -> InProgress:
    """What is raised when a repo is not ready after that many seconds."""
    code, number = {"importing": ("IMPORT_IN_PROGRESS", 10302), "forking": ("FORK_IN_PROGRESS", 10303)}.get(
        status, ("CREATE_IN_PROGRESS", 10301)
    )
    return InProgress(f"repo {name!r} is still {status} after {timeout:g} s", code, number)
