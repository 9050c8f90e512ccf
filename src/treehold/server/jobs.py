"""Maintenance in the background of a worker process."""

import asyncio
import contextlib
from typing import Final

import structlog

from treehold.engine.care import run_round
from treehold.engine.context import Engine
from treehold.errors import TreeholdError
from treehold.telemetry import meters

log = structlog.get_logger(__name__)


_SECONDS_BETWEEN_HASTY: Final = 1.0


class BackgroundCare:
    """A round of maintenance every so many seconds, from start to stop; the processes of a server share the jobs out.

    A repo that is pushed to so fast that it cannot wait for the round (``Node.care_wanted``) brings it about.

    Whatever goes wrong is logged, and another round follows.
    """

    def __init__(self, engine: Engine, *, seconds: float) -> None:
        self._engine = engine
        self._seconds = seconds
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin, after a first wait; ``seconds`` 0 never begins."""
        if self._seconds:
            self._task = asyncio.create_task(self._go_round())

    async def stop(self) -> None:
        """End at once: a job under way is dropped, and done again another time."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def _wait(self) -> None:
        """Until the next round is due, or wanted."""
        wanted = self._engine.node.care_wanted
        await asyncio.sleep(min(_SECONDS_BETWEEN_HASTY, self._seconds))
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._seconds):
                await wanted.wait()
        wanted.clear()

    async def _go_round(self) -> None:
        while True:
            await self._wait()
            try:
                for job in await run_round(self._engine, patient=True):
                    took = ((job.finished_at or job.started_at) - job.started_at) / 1000
                    meters.jobs.labels(job.kind, job.outcome).observe(took)
            except TreeholdError as error:
                log.error("maintenance_round_failed", error=repr(error))
            except Exception:
                log.exception("maintenance_round_broke")
