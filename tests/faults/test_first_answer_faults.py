"""A server that dies between a deed and its first answer: the key is blocked for a while and never for good."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from tests.live_server import API_TOKEN, NO_TLS, LiveServer

SECONDS = 60.0
SHORT_LEASE = {"TREEHOLD_LIMITS__LEASE_SECONDS": "3"}
NAMES = [f"once-{number:02}" for number in range(60)]


def create(server: LiveServer, name: str = NAMES[0]) -> httpx.Response:
    """Create a repo under a key of its own."""
    headers = {"authorization": f"Bearer {API_TOKEN}", "idempotency-key": name}
    url = f"{server.base}/namespaces/default/repos"
    return httpx.post(url, json={"name": name}, headers=headers, timeout=60, verify=NO_TLS)


def code(answer: httpx.Response) -> int:
    return 0 if answer.is_success else int(answer.json()["errors"][0]["code"])


def create_at_last(server: LiveServer, name: str = NAMES[0]) -> httpx.Response:
    """Ask again and again until nobody else is at it any more."""
    deadline = time.monotonic() + SECONDS
    while code(answer := create(server, name)) == 10301:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    return answer


@pytest.mark.parametrize(("failpoint", "expected"), [("first-answer.claimed", 0), ("first-answer.done", 10201)])
def test_a_crash_around_the_deed(tmp_path: Path, failpoint: str, expected: int) -> None:
    """Before it: it is done when the lease has run out. After it: whoever comes again hears that the name is taken."""
    dying = LiveServer(tmp_path / "data", settings={"TREEHOLD_FAILPOINT": failpoint}).start()
    with pytest.raises(httpx.TransportError):
        create(dying)
    assert dying.process is not None
    dying.process.wait(SECONDS)
    with LiveServer(tmp_path / "data", settings=SHORT_LEASE) as server:
        answer = create_at_last(server)
        assert code(answer) == expected
        assert create(server).content == answer.content
        assert len(server.result("GET", "/repos")) == 1


def test_kill_nine_forgets_no_first_answer(tmp_path: Path) -> None:
    """What was answered before a server was killed is answered again, and whatever was asked is done once."""
    server = LiveServer(tmp_path / "data", workers=2, settings=SHORT_LEASE).start()
    first: dict[str, bytes] = {}
    enough = threading.Event()

    def create_until_killed(names: list[str]) -> None:
        for name in names:
            try:
                answer = create(server, name)
            except httpx.TransportError:
                return
            if answer.is_success:
                first[name] = answer.content
            if len(first) >= len(NAMES) // 3:
                enough.set()

    with ThreadPoolExecutor(4) as pool:
        creating = [pool.submit(create_until_killed, NAMES[begin::4]) for begin in range(4)]
        assert enough.wait(SECONDS)
        server.kill()
        for future in creating:
            future.result(SECONDS)
    with LiveServer(server.data_dir, workers=2, settings=SHORT_LEASE, port=server.port):
        answers = {name: create_at_last(server, name) for name in NAMES}
        for name, content in first.items():
            assert answers[name].content == content
        assert {code(answer) for answer in answers.values()} <= {0, 10201}
        assert sorted(row["name"] for row in server.result("GET", "/repos?limit=200")) == NAMES
