"""How logs are written."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from treehold.server.logs import configure_logs


@pytest.fixture(autouse=True)
def usual_logs() -> Iterator[None]:
    """Leave the logs as they were."""
    yield
    structlog.reset_defaults()


def test_programs_read_a_line_of_json_an_event(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """With its level and its time."""
    with (tmp_path / "log").open("w") as file:
        monkeypatch.setattr("sys.stderr", file)
        configure_logs("json")
        structlog.get_logger().info("something", count=3)
    told = json.loads((tmp_path / "log").read_text())
    assert (told["event"], told["level"], told["count"]) == ("something", "info", 3)
    assert told["timestamp"].endswith("Z")


def test_a_log_that_cannot_be_written_fails_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """As when the disk under it is full."""
    with pytest.raises(OSError, match="No space"), Path("/dev/full").open("w", buffering=1) as full:  # noqa: PT012
        monkeypatch.setattr("sys.stderr", full)
        configure_logs("text")
        structlog.get_logger().error("lost")
        monkeypatch.undo()
        full.write("a line\n")
