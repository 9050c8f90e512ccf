"""URLs of repos."""

import pytest

from treehold.cli.remote_url import RemoteUrl, parse_remote


@pytest.mark.parametrize(
    ("url", "found"),
    [
        ("http://h:1/git/ns/repo.git", RemoteUrl("http://h:1", "/git/ns/repo", "ns", "repo")),
        ("https://h/git/acc/ns/repo", RemoteUrl("https://h", "/git/acc/ns/repo", "ns", "repo")),
        ("https://h/sub/path/git/ns/a.b.git/", RemoteUrl("https://h/sub/path", "/git/ns/a.b", "ns", "a.b")),
        ("http://[::1]:1/git/ns/repo.git", RemoteUrl("http://[::1]:1", "/git/ns/repo", "ns", "repo")),
        ("https://h/git/git/git/repo.git", RemoteUrl("https://h/git", "/git/git/repo", "git", "repo")),
        ("https://h/git/repo.git", None),
        ("https://h/x/y.git", None),
        ("ssh://h/git/ns/repo.git", None),
        ("https://user@h/git/ns/repo.git", None),
        ("http://h/git/ns/re po.git", None),
        ("http://h/git/ns/a=b.git", None),
        ("http://h/git/ns/repo.git\n", None),
        ("ext::sh -c http://h/git/ns/repo.git", None),
        ("", None),
    ],
)
def test_parse_remote(url: str, found: RemoteUrl | None) -> None:
    """Base, namespace and repo are told apart, whatever stands before; other URLs are none of ours."""
    assert parse_remote(url) == found
