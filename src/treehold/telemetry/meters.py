"""Counters and their form for Prometheus.

They belong to a process. Where several serve together each writes its own to a folder that all share, and whoever is
asked adds them up: see ``prometheus_client.multiprocess``, which looks for that folder in the environment when it is
loaded.
"""

from pathlib import Path
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest, multiprocess

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
_SECONDS: Final = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100, 300)

REGISTRY: Final = CollectorRegistry()

git_requests: Final = Histogram(
    "treehold_git_request_seconds",
    "Git requests from their head to their last byte, by what was asked and the class of the status",
    ["service", "status"],
    buckets=_SECONDS,
    registry=REGISTRY,
)
fetches: Final = Counter(
    "treehold_fetches", "Packs that were sent, by the plan that made them", ["plan"], registry=REGISTRY
)
fetched_bytes: Final = Counter(
    "treehold_fetched_bytes", "Bytes of those packs, by the plan that made them", ["plan"], registry=REGISTRY
)
pushes: Final = Counter("treehold_pushes", "Pushes that came, by what became of them", ["outcome"], registry=REGISTRY)
jobs: Final = Histogram(
    "treehold_job_seconds",
    "Jobs of maintenance, by kind and what became of them",
    ["kind", "outcome"],
    buckets=_SECONDS,
    registry=REGISTRY,
)


def exposition(shared: Path | None = None) -> bytes:
    """All that was counted, in Prometheus' text form; by all processes that share that folder."""
    if shared is None:
        return generate_latest(REGISTRY)
    together = CollectorRegistry()
    multiprocess.MultiProcessCollector(together, path=str(shared))  # type: ignore[no-untyped-call]
    return generate_latest(together)
