"""A server that lets few requests in, so that clients meet its 429 and can wait for its end."""

from pathlib import Path

from tests.live_server import LiveServer

STRICT_REQUESTS = 10


def strict_server(data_dir: Path) -> LiveServer:
    """Ten REST requests in two seconds: what a client is told to wait is soon over."""
    settings = {"API_REQUESTS_MAX": str(STRICT_REQUESTS), "RATE_SECONDS": "2"}
    return LiveServer(data_dir, settings={f"TREEHOLD_LIMITS__{name}": value for name, value in settings.items()})
