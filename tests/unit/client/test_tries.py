"""When a call is tried again."""

import pytest

from treehold.client.answers import Answer
from treehold.client.errors import Unavailable
from treehold.client.tries import Broken, Tries, not_ready, poll_pauses

CUT = Broken("cut", "reset by peer")


def tries(method: str = "GET", *, again: int = 3, dice: float = 1.0) -> Tries:
    return Tries(method, again=again, dice=lambda: dice)


def answer(status: int, retry_after: str | None = None) -> Answer:
    return Answer(status, {} if retry_after is None else {"retry-after": retry_after}, b"")


@pytest.mark.parametrize("method", ["GET", "POST", "PATCH", "DELETE"])
@pytest.mark.parametrize("status", [429, 503])
def test_busy(method: str, status: int) -> None:
    """A busy server is asked again, whatever was asked."""
    assert tries(method).pause_after(answer(status)) == 0.25


@pytest.mark.parametrize("status", [200, 201, 302, 400, 401, 403, 404, 409, 413, 422, 500, 507])
def test_last_words(status: int) -> None:
    """What another try would not change is not tried again."""
    assert tries().pause_after(answer(status)) is None


@pytest.mark.parametrize("status", [502, 504])
def test_gateways(status: int) -> None:
    """A gateway's failure is passing, but for a POST: an import is answered so when its remote fails."""
    assert tries("DELETE").pause_after(answer(status)) == 0.25
    assert tries("POST").pause_after(answer(status)) is None


def test_under_way() -> None:
    """A conflict is passing only where the server says when to come again."""
    assert tries("POST").pause_after(answer(409, "1")) == 1
    assert tries("POST").pause_after(answer(409)) is None


def test_pauses_grow_up_to_a_bound() -> None:
    """Each pause is twice the one before, up to eight seconds."""
    several = tries(again=8)
    assert [several.pause_after(answer(503)) for _ in range(8)] == [0.25, 0.5, 1, 2, 4, 8, 8, 8]
    assert several.pause_after(answer(503)) is None


def test_dice() -> None:
    """Chance takes up to half of a pause away, so that a crowd does not come back at once."""
    assert tries(dice=0.0).pause_after(answer(503)) == 0.125


@pytest.mark.parametrize(("asked", "pause"), [("0", 0), ("7", 7), ("60", 60), ("61", None), ("9" * 5000, None)])
def test_server_says_when(asked: str, pause: float | None) -> None:
    """Retry-After is followed to the second, up to a minute."""
    assert tries(dice=0.0).pause_after(answer(503, asked)) == pause


@pytest.mark.parametrize("asked", ["", "soon", "-1", "1.5", "Wed, 21 Oct 2026 07:28:00 GMT", "\u0663"])
def test_server_says_nothing_that_we_read(asked: str) -> None:
    """A Retry-After that is no number of seconds is as none."""
    assert tries().pause_after(answer(503, asked)) == 0.25


def test_broken_connections() -> None:
    """Broken connections are tried again as often as allowed, and then raised with the reason."""
    twice = tries("POST", again=2)
    assert [twice.pause_after_break(CUT), twice.pause_after_break(Broken("unreachable", "refused"))] == [0.25, 0.5]
    with pytest.raises(Unavailable, match="reset by peer"):
        twice.pause_after_break(CUT)


def test_slow_servers() -> None:
    """A server that is at work is not given the same work again."""
    with pytest.raises(Unavailable, match="in time"):
        tries().pause_after_break(Broken("slow", "ReadTimeout"))


@pytest.mark.parametrize("timeout", [0.05, 1.0, 10.0])
def test_polling(timeout: float) -> None:
    """The waits between looks add up to what was allowed, none is long, and a last look comes after them."""
    pauses = list(poll_pauses(timeout))
    assert sum(pauses) == pytest.approx(timeout)
    assert max(pauses) <= 2
    assert pauses[-1] == 0


def test_no_patience() -> None:
    """Without any patience there is one look."""
    assert list(poll_pauses(0)) == [0]


@pytest.mark.parametrize(
    ("status", "code"),
    [("importing", "IMPORT_IN_PROGRESS"), ("forking", "FORK_IN_PROGRESS"), ("creating", "CREATE_IN_PROGRESS")],
)
def test_not_ready(status: str, code: str) -> None:
    """What is still going on is in the error's code."""
    assert not_ready("a-repo", status, 1.5).code == code
    assert str(not_ready("a-repo", status, 1.5)).startswith(f"repo 'a-repo' is still {status} after 1.5 s")
