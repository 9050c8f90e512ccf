"""What is counted, and its form for Prometheus."""

import os
import subprocess
import sys
from pathlib import Path

from treehold.telemetry import meters

COUNT_ONE = "from treehold.telemetry import meters; meters.fetches.labels('whole').inc()"


def test_what_is_counted_is_told() -> None:
    """A counter shows with its labels and its value."""
    before = meters.fetches.labels("unit-test")._value.get()
    meters.fetches.labels("unit-test").inc(2)
    told = meters.exposition().decode()
    assert f'treehold_fetches_total{{plan="unit-test"}} {before + 2}' in told.splitlines()


def test_processes_count_together(tmp_path: Path) -> None:
    """Whoever is asked tells what all processes that share a folder counted."""
    environment = {**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(tmp_path)}
    for _ in range(2):
        subprocess.run([sys.executable, "-c", COUNT_ONE], env=environment, check=True)
    assert 'treehold_fetches_total{plan="whole"} 2.0' in meters.exposition(tmp_path).decode().splitlines()
