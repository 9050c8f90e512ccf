"""Runs operations on the servers in turn, A B C A B C, and keeps what they cost."""

import math
import statistics
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import count
from threading import Thread
from typing import Final

from bench.measure import watched
from bench.operations import Exchanges, Operation
from bench.servers import Server
from bench.wire import BadAnswer, Connection, Exchange

_LONG_SECONDS: Final = 60.0


@dataclass(frozen=True, slots=True)
class Cost:
    """One run of an operation: milliseconds of server CPU (nan: unknown) and of waiting; memory where asked for."""

    cpu_ms: float
    wall_ms: float
    start_bytes: int = 0
    peak_bytes: int = 0


@dataclass
class Row:
    """An operation's samples by server; ``failed`` says why a server has none."""

    operation: Operation
    samples: dict[str, list[Cost]] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)

    def median(self, key: str) -> Cost | None:
        """The middle of a server's samples, each figure by itself."""
        samples = self.samples.get(key)
        if not samples or key in self.failed:
            return None
        return Cost(
            statistics.median(cost.cpu_ms for cost in samples),
            statistics.median(cost.wall_ms for cost in samples),
            min(cost.start_bytes for cost in samples),
            max(cost.peak_bytes for cost in samples),
        )

    def spread(self, key: str) -> float:
        """How far a server's samples of CPU lie apart: (largest - smallest) / median."""
        samples = [cost.cpu_ms for cost in self.samples[key]]
        return (max(samples) - min(samples)) / statistics.median(samples)


def run(operation: Operation, servers: Iterable[Server]) -> Row:
    """Measure one operation on every server that it fits. A server that fails is left out from then on."""
    row = Row(operation)
    taking_part = [server for server in servers if operation.fits(server)]
    for number in range(operation.rounds):
        for server in taking_part:
            if server.key in row.failed or _took_long(row, server):
                continue
            try:
                row.samples.setdefault(server.key, []).append(_sample(operation, server, number * operation.times))
            except BadAnswer as error:
                row.failed[server.key] = str(error)[:300]
    return row


def warm_up(deeds: Sequence[Exchanges], server: Server, seconds: float) -> None:
    """Keep the server busy for so many seconds; raises BadAnswer."""
    end = time.monotonic() + seconds
    connection = Connection(server.port)
    for number in count():
        for deed in deeds:
            for exchange in deed(server, number):
                connection.make(exchange)
        if time.monotonic() > end:
            break
    connection.close()


def _took_long(row: Row, server: Server) -> bool:
    """Whether one run takes so long that its median is not worth the waiting."""
    return any(cost.wall_ms > _LONG_SECONDS * 1e3 for cost in row.samples.get(server.key, ()))


def _sample(operation: Operation, server: Server, first: int) -> Cost:
    numbers = range(first, first + operation.times)
    for number in numbers:
        operation.before(server, number)
    batch = [operation.exchanges(server, number) for number in numbers]
    if operation.needs_calm:
        time.sleep(server.calm_seconds)
    with watched(server.fence, memory=operation.memory) as watch:
        if operation.at_once == 1:
            _make_all(server.port, batch)
        else:
            _make_at_once(server.port, batch, operation.at_once)
    scale = 1e3 / operation.times
    cpu_seconds = watch.cpu_seconds if server.is_counted else math.nan
    return Cost(cpu_seconds * scale, watch.wall_seconds * scale, watch.start_bytes, watch.peak_bytes)


def _make_all(port: int, batch: Sequence[list[Exchange]]) -> None:
    connection = Connection(port)
    try:
        for exchanges in batch:
            for exchange in exchanges:
                connection.make(exchange)
    finally:
        connection.close()


def _make_at_once(port: int, batch: Sequence[list[Exchange]], at_once: int) -> None:
    """Each of so many clients does every n-th; raises the first BadAnswer of any."""
    errors: list[BadAnswer] = []

    def work(share: Sequence[list[Exchange]]) -> None:
        try:
            _make_all(port, share)
        except BadAnswer as error:
            errors.append(error)

    threads = [Thread(target=work, args=(batch[number::at_once],)) for number in range(at_once)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]
