"""Many slow clients that clone one repo while another asks for refs: what they cost in memory and in waiting."""

import multiprocessing
import selectors
import socket
import statistics
import time
from dataclasses import dataclass
from multiprocessing.synchronize import Event
from typing import Final

from bench import wire
from bench.measure import watched
from bench.servers import Server
from bench.wire import BadAnswer, Connection, Exchange

_BYTES_A_SECOND: Final = 256 << 10
_TURN_SECONDS: Final = 0.05
_START_SECONDS: Final = 3.0
_CALM_SECONDS: Final = 60.0


@dataclass(frozen=True, slots=True)
class CrowdResult:
    """Latency of ls-remote beside the crowd in milliseconds, and the server's memory before and at its peak.

    ``answered`` counts ls-remotes, ``failed`` those that were refused.
    """

    alone_p50: float
    p50: float
    p99: float
    answered: int
    failed: int
    start_bytes: int
    peak_bytes: int


def stand_in_line(server: Server, clone: Exchange, *, clients: int, seconds: float) -> CrowdResult:
    """Measure ls-remote for so many seconds beside so many clones at 256 KiB/s each."""
    ask = wire.ls_remote(server.target("tiny-00"), version=2 if server.speaks_v2 else 0)
    connection = Connection(server.port)
    alone, _ = _ask_for(connection, ask, min(1.0, seconds))
    spawn = multiprocessing.get_context("spawn")
    over = spawn.Event()
    crowd = spawn.Process(target=_read_slowly, args=(server.port, clone.request, clients, over), daemon=True)
    with watched(server.fence, memory=True) as watch:
        crowd.start()
        time.sleep(_START_SECONDS)
        beside, failed = _ask_for(connection, ask, seconds)
        over.set()
        crowd.join()
    connection.close()
    server.fence.settle(seconds_max=_CALM_SECONDS)
    ordered = sorted(beside)
    return CrowdResult(
        alone_p50=statistics.median(alone),
        p50=statistics.median(ordered),
        p99=ordered[int(len(ordered) * 0.99)],
        answered=len(ordered),
        failed=failed,
        start_bytes=watch.start_bytes,
        peak_bytes=watch.peak_bytes,
    )


def _ask_for(connection: Connection, ask: list[Exchange], seconds: float) -> tuple[list[float], int]:
    """Milliseconds of each ls-remote that fits into that time, at least one; and how many were refused."""
    taken: list[float] = []
    failed = 0
    end = time.monotonic() + seconds
    while not taken or time.monotonic() < end:
        start = time.perf_counter()
        try:
            for exchange in ask:
                connection.make(exchange)
        except BadAnswer:
            failed += 1
            if failed > 1000:
                raise
            continue
        taken.append((time.perf_counter() - start) * 1e3)
    return taken, failed


def _read_slowly(port: int, request: bytes, clients: int, over: Event) -> None:
    """The crowd, in a process of its own."""
    selector = selectors.DefaultSelector()
    for _ in range(clients):
        client = socket.socket()
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 64 << 10)
        client.connect(("127.0.0.1", port))
        client.sendall(request)
        client.settimeout(0)
        selector.register(client, selectors.EVENT_READ)
    piece = int(_BYTES_A_SECOND * _TURN_SECONDS)
    while not over.wait(_TURN_SECONDS):
        for key, _ in selector.select(0):
            assert isinstance(key.fileobj, socket.socket)
            if not key.fileobj.recv(piece):
                selector.unregister(key.fileobj)
    for key in list(selector.get_map().values()):
        assert isinstance(key.fileobj, socket.socket)
        key.fileobj.close()
