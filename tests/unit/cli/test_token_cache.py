"""Kept tokens."""

from pathlib import Path

from treehold.cli.token_cache import MARGIN_SECONDS, KeptToken, RepoName, TokenCache

NAME = RepoName("http://127.0.0.1:8787", "local", "/git/default/a-repo")
TOKEN = KeptToken(NAME, "k3j9x0v2m7q4t8za", "art_v1_secret", 10_000)


def test_a_token_is_handed_out_until_shortly_before_its_end(tmp_path: Path) -> None:
    """It is found under its own name, and no longer when it would end during a push."""
    now = [1_000.0]
    cache = TokenCache(tmp_path / "tokens", lambda: now[0])
    assert cache.find(NAME) is None
    cache.keep(TOKEN)
    assert cache.find(NAME) == TOKEN
    assert cache.find(RepoName(NAME.url, "other", NAME.path)) is None
    now[0] = 10_000.0 - MARGIN_SECONDS
    assert cache.find(NAME) is None


def test_tokens_that_have_ended_do_not_pile_up(tmp_path: Path) -> None:
    """Keeping one lets go of those that have ended and of what is no token, which was never trusted."""
    now = [1_000.0]
    cache = TokenCache(tmp_path, lambda: now[0])
    cache.keep(TOKEN)
    (tmp_path / "rubbish.json").write_text("{}")
    now[0] = 11_000.0
    cache.keep(KeptToken(RepoName("http://b", "local", "/git/default/b"), "id", "secret", 20_000))
    assert len(list(tmp_path.iterdir())) == 1


def test_a_token_that_others_could_read_is_not_handed_out(tmp_path: Path) -> None:
    """With wrong rights a file counts as none."""
    cache = TokenCache(tmp_path, lambda: 0.0)
    cache.keep(TOKEN)
    (path,) = tmp_path.iterdir()
    path.chmod(0o644)
    assert cache.find(NAME) is None


def test_tokens_are_dropped(tmp_path: Path) -> None:
    """What is meant goes, and is counted."""
    cache = TokenCache(tmp_path, lambda: 0.0)
    cache.keep(TOKEN)
    assert cache.drop(lambda kept: kept.id == "other") == 0
    assert cache.drop(lambda kept: kept.secret == TOKEN.secret) == 1
    assert cache.find(NAME) is None


def test_a_token_shows_no_secret() -> None:
    """A kept token in a message has no secret in it."""
    assert TOKEN.secret not in repr(TOKEN)
