"""What a supervisor asks."""

import httpx

from tests.live_server import LiveServer


def test_a_serving_server_is_alive_and_ready(server: LiveServer) -> None:
    """Both answers are 200 without credentials, and say nothing of the server."""
    for path, said in (("/healthz", "alive"), ("/readyz", "ready")):
        answer = httpx.get(server.url + path)
        assert (answer.status_code, answer.text.strip()) == (200, said)
        assert "server" not in answer.headers


def test_an_unknown_path_is_an_envelope(server: LiveServer) -> None:
    """What is neither Git nor REST is answered as REST answers it."""
    answer = httpx.get(server.url + "/nothing-here")
    assert answer.status_code == 404
    assert answer.json()["errors"][0]["code"] == 10200
