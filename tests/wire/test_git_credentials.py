"""Who is let in to a repo and what everybody else is answered, by bare requests and by real git."""

import base64
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote
from uuid import uuid4

import httpx
import pytest

from tests.live_server import Git, LiveServer, Repo, new_git
from tests.wire.raw_git import EMPTY_PACK, MAIN, RawGit, head_of_push, history, oid_of, pack_of
from treehold.ids import ZERO_OID

SERVICES = ("git-upload-pack", "git-receive-pack")
UNKNOWN = "art_v1_" + "0" * 40
NO_CACHE = {
    "expires": "Fri, 01 Jan 1980 00:00:00 GMT",
    "pragma": "no-cache",
    "cache-control": "no-cache, max-age=0, must-revalidate",
}


@pytest.fixture(scope="module")
def stocked(server: LiveServer) -> Repo:
    """A repo with a commit on main, which tests read only."""
    repo = server.create(f"stocked-{uuid4().hex[:12]}")
    RawGit(server, repo).create(history(b"content\n"))
    return repo


def basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def ask(server: LiveServer, path: str, authorization: str | None = None, **headers: str) -> httpx.Response:
    """GET a path, showing that in the Authorization header."""
    shown = {} if authorization is None else {"authorization": authorization}
    return httpx.get(server.url + path, headers={**shown, **headers})


def discovery(repo: Repo, service: str = "git-upload-pack") -> str:
    return f"/git/{repo.namespace}/{repo.name}.git/info/refs?service={service}"


def refusal(answer: httpx.Response) -> tuple[int, str, dict[str, str]]:
    """All that a refusal tells: status, body, headers but for the date."""
    return answer.status_code, answer.text, {name: text for name, text in answer.headers.items() if name != "date"}


@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.parametrize("name", ["{}", "no-such-repo"])
def test_showing_nothing_is_challenged(server: LiveServer, stocked: Repo, service: str, name: str) -> None:
    """Without credentials every path answers 401, whether the repo exists or not."""
    base = f"/git/default/{name.format(stocked.name)}.git"
    for answer in (ask(server, f"{base}/info/refs?service={service}"), httpx.post(f"{server.url}{base}/{service}")):
        status, text, headers = refusal(answer)
        assert (status, text) == (401, "Authentication required")
        assert headers["www-authenticate"] == 'Basic realm="artifacts"'
        assert headers["content-type"].startswith("text/plain")


@pytest.mark.parametrize(
    "show",
    [
        lambda repo: f"Bearer {repo.token}",
        lambda repo: f"Bearer {repo.secret}",
        lambda repo: f"bearer {repo.secret}",
        lambda repo: basic("x", repo.token),
        lambda repo: basic("x", repo.secret),
        lambda repo: basic("", repo.token),
        lambda repo: basic("", repo.secret),
        lambda repo: basic("any user@example.com", repo.secret),
        lambda repo: basic("x", quote(repo.token, safe="")),
        lambda repo: basic("x", quote(repo.secret, safe="")),
        lambda repo: basic("x", repo.secret.replace("_", "%5F")),
        lambda repo: basic("x", f"{repo.secret}?expires=1"),
        lambda repo: basic("x", f"{repo.secret}?expires=99999999999"),
    ],
)
@pytest.mark.parametrize("service", SERVICES)
def test_every_form_of_a_good_token_is_taken(
    server: LiveServer, stocked: Repo, service: str, show: Callable[[Repo], str]
) -> None:
    """Bearer or Basic, whole or without its hint, percent-encoded or not; what the hint says counts for nothing."""
    assert ask(server, discovery(stocked, service), show(stocked)).status_code == 200


@pytest.mark.parametrize("service", SERVICES)
def test_all_that_is_not_good_is_refused_alike(server: LiveServer, stocked: Repo, service: str) -> None:
    """One answer for every bad token, malformed header, foreign and unknown repo, so that nobody learns which exist."""
    other = server.create(f"other-{uuid4().hex[:12]}")
    gone = server.create(f"gone-{uuid4().hex[:12]}")
    assert server.call("DELETE", f"/repos/{gone.name}").status_code == 202
    revoked = server.result("POST", "/tokens", {"repo": stocked.name, "scope": "write", "ttl": 3600})
    server.result("DELETE", f"/tokens/{revoked['id']}")
    unknown = Repo("no-such-repo", "", stocked.token)
    other_namespace = Repo(stocked.name, "", stocked.token, namespace="elsewhere")
    cases = [
        ask(server, discovery(stocked, service), show)
        for show in (
            f"Bearer {UNKNOWN}",
            "Bearer x",
            "Bearer",
            "",
            f"Bearer {stocked.secret[:-1]}",
            f"Bearer {stocked.secret}0",
            f"Bearer {stocked.secret.upper()}",
            f"Digest {stocked.secret}",
            stocked.secret,
            "Basic !!!",
            "Basic " + base64.b64encode(stocked.secret.encode()).decode(),
            basic(stocked.secret, ""),
            basic("x", UNKNOWN),
            f"Bearer {'x' * 10_000}",
            f"Bearer {revoked['plaintext']}",
            f"Bearer {other.token}",
            f"Bearer {gone.token}",
            "Bearer a-token-for-tests-only",
        )
    ]
    cases += [
        ask(server, discovery(repo, service), f"Bearer {repo.token}") for repo in (gone, unknown, other_namespace)
    ]
    url = f"{server.url}/git/default/{stocked.name}.git/{service}"
    cases.append(httpx.post(url, headers={"authorization": f"Bearer {other.token}"}, content=b"0000"))
    told = {repr(refusal(answer)) for answer in cases}
    assert len(told) == 1, told
    status, text, headers = refusal(cases[0])
    assert (status, text) == (403, "Invalid or expired token")
    assert headers["content-type"].startswith("text/plain")
    assert "www-authenticate" not in headers


def test_an_expired_token_is_refused_like_an_unknown_one(tmp_path: Path) -> None:
    """Expiry comes from the catalog; the hint of a token does not prolong it."""
    short = {"TREEHOLD_LIMITS__TOKEN_TTL_MIN": "0"}
    with LiveServer(tmp_path / "data", settings=short) as server:
        repo = server.create("short-lived")
        token = server.token("short-lived", ttl=0)
        longer = token.partition("?")[0] + "?expires=99999999999"
        answers = [ask(server, discovery(repo), f"Bearer {shown}") for shown in (token, longer, UNKNOWN)]
        assert len({repr(refusal(answer)) for answer in answers}) == 1
        assert answers[0].status_code == 403


def test_a_read_token_only_reads(server: LiveServer, stocked: Repo) -> None:
    """It fetches; of pushing it is refused the discovery as well as the push."""
    reader = RawGit(server, Repo(stocked.name, stocked.remote, server.token(stocked.name, scope="read")))
    assert reader.discover("git-upload-pack").refs
    answers = [
        ask(server, discovery(stocked, "git-receive-pack"), f"Bearer {reader.repo.token}"),
        reader.post("git-receive-pack", head_of_push([(ZERO_OID, ZERO_OID, b"refs/heads/x")]) + EMPTY_PACK),
    ]
    for answer in answers:
        assert (answer.status_code, answer.text) == (403, "Insufficient permissions")


def test_a_read_only_repo_is_not_pushed_to(server: LiveServer) -> None:
    """Whatever the token: discovery and push are refused, fetching is not."""
    repo = server.create(f"frozen-{uuid4().hex[:12]}", read_only=True)
    raw = RawGit(server, repo)
    objects = history(b"x")
    push = head_of_push([(ZERO_OID, oid_of(objects[-1]), MAIN)]) + pack_of(*objects)
    answers = [
        ask(server, discovery(repo, "git-receive-pack"), f"Bearer {repo.token}"),
        raw.post("git-receive-pack", push),
    ]
    for answer in answers:
        assert (answer.status_code, answer.text) == (403, "Repository is read-only")
    assert raw.discover("git-upload-pack").refs == ()


@pytest.mark.parametrize("form", ["/git/default/{}.git", "/git/default/{}", "/default/{}.git", "/default/{}"])
def test_every_form_of_the_path_answers(server: LiveServer, stocked: Repo, form: str, tmp_path: Path) -> None:
    """With and without ``.git``, below ``/git`` or in the form of the launch day, by hand and for git."""
    path = form.format(stocked.name)
    answer = ask(server, f"{path}/info/refs?service=git-upload-pack", f"Bearer {stocked.token}")
    assert answer.status_code == 200
    Git(tmp_path, stocked.token)("clone", "-q", server.url + path, "clone")
    assert (tmp_path / "clone" / "file").read_text() == "content\n"


@pytest.mark.parametrize(
    "path",
    [
        "/HEAD",
        "/objects/info/packs",
        "/objects/pack/pack-x.pack",
        "/objects/ab/cdef",
        "/config",
        "/info/refs",
        "/info/refs/",
        "/info/refs?service=",
        "/info/refs?service=git-other",
        "/info/refs?" + "x=1&" * 40,
    ],
)
def test_the_dumb_protocol_is_not_spoken(server: LiveServer, stocked: Repo, path: str) -> None:
    """Its paths are 404, with a token and without."""
    for shown in (None, f"Bearer {stocked.token}"):
        assert ask(server, f"/git/default/{stocked.name}.git{path}", shown).status_code == 404


def test_the_wrong_method_is_told_the_right_one(server: LiveServer, stocked: Repo) -> None:
    """405 names what is allowed."""
    shown = {"authorization": f"Bearer {stocked.token}"}
    base = f"{server.url}/git/default/{stocked.name}.git"
    for service in SERVICES:
        get = httpx.get(f"{base}/{service}", headers=shown)
        assert (get.status_code, get.headers["allow"]) == (405, "POST")
        post = httpx.post(f"{base}/info/refs?service={service}", headers=shown)
        assert (post.status_code, post.headers["allow"]) == (405, "GET")


@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.parametrize("sent", ["", "application/octet-stream", "application/x-git-{}-result", "text/plain"])
def test_the_wrong_content_type_is_refused(server: LiveServer, stocked: Repo, service: str, sent: str) -> None:
    """415, and nothing is read."""
    raw = RawGit(server, stocked)
    assert raw.post(service, b"0000", content_type=sent.format(service)).status_code == 415


@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.parametrize(("spoken", "first"), [("", b""), ("version=1", b"version 1\n"), ("version=2", b"version 2\n")])
def test_discovery_says_what_it_is(server: LiveServer, stocked: Repo, service: str, spoken: str, first: bytes) -> None:
    """The exact content type, headers against caching, and the version that was asked for; pushes know no version 2."""
    answer = ask(server, discovery(stocked, service), f"Bearer {stocked.token}", **{"git-protocol": spoken})
    assert answer.headers["content-type"] == f"application/x-{service}-advertisement"
    assert {name: answer.headers[name] for name in NO_CACHE} == NO_CACHE
    body = answer.content
    start = b"%04x# service=%b\n0000" % (len(service) + 15, service.encode())
    assert body.startswith(start)
    is_v2 = spoken == "version=2"
    is_told = first and not (is_v2 and service == "git-receive-pack")
    assert body.removeprefix(start)[4:].startswith(first if is_told else b"")
    assert (b"refs/heads/main" in body) == (not is_v2 or service == "git-receive-pack")


def test_the_highest_offered_version_is_spoken(server: LiveServer, stocked: Repo) -> None:
    """Of several versions in one header the highest known one counts; unknown words are passed over."""
    shown = f"Bearer {stocked.token}"
    answer = ask(server, discovery(stocked), shown, **{"git-protocol": "x:version=1:version=2:version=9"})
    assert b"version 2\n" in answer.content


def test_answers_carry_their_types_and_forbid_caching(server: LiveServer, stocked: Repo) -> None:
    """Results and refusals too."""
    raw = RawGit(server, stocked)
    answers = [raw.post(service, b"0000") for service in SERVICES]
    assert [answer.headers["content-type"] for answer in answers] == [
        f"application/x-{name}-result" for name in SERVICES
    ]
    answers += [ask(server, discovery(stocked)), ask(server, discovery(stocked), "Bearer x")]
    for answer in answers:
        assert {name: answer.headers[name] for name in NO_CACHE} == NO_CACHE


def with_header(git: Git, repo: Repo, shown: str) -> tuple[Git, str]:
    return git.showing(shown), repo.remote


def in_url(git: Git, repo: Repo, shown: str) -> tuple[Git, str]:
    return git, repo.remote.replace("://", f"://x:{quote(shown, safe='')}@")


def in_netrc(git: Git, repo: Repo, shown: str) -> tuple[Git, str]:
    (git.folder / ".netrc").write_text(f"machine 127.0.0.1\nlogin x\npassword {shown}\n")
    return git, repo.remote


def from_helper(git: Git, repo: Repo, shown: str) -> tuple[Git, str]:
    git("config", "credential.helper", f"!printf 'username=x\\npassword={shown}\\n' #")
    return git, repo.remote


WAYS = [with_header, in_url, in_netrc, from_helper]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("form", ["token", "secret"])
def test_git_gets_in_by_every_way_it_has(
    tmp_path: Path, repo: Repo, way: Callable[[Git, Repo, str], tuple[Git, str]], form: str
) -> None:
    """Header, URL, netrc and helper, each with the whole token and with the secret alone."""
    git = new_git(tmp_path / "work")
    tip = git.commit({"file": "content"})
    client, url = way(git, repo, getattr(repo, form))
    client("push", "-q", url, "main")
    assert client("ls-remote", url, "refs/heads/main").split()[0] == tip


@pytest.mark.parametrize("way", WAYS)
def test_git_shows_why_it_is_refused(
    tmp_path: Path, repo: Repo, way: Callable[[Git, Repo, str], tuple[Git, str]]
) -> None:
    """The text of a refusal reaches the person at the terminal."""
    client, url = way(new_git(tmp_path / "work"), repo, UNKNOWN)
    assert "Invalid or expired token" in client.fails("ls-remote", url)


def test_git_shows_why_it_may_not_push(server: LiveServer, tmp_path: Path, repo: Repo) -> None:
    """Read tokens and read-only repos say which of the two it is."""
    git = new_git(tmp_path / "work", server.token(repo.name, scope="read"))
    git.commit({"file": "content"})
    assert "Insufficient permissions" in git.fails("push", repo.remote, "main")
    frozen = server.create(f"frozen-{uuid4().hex[:12]}", read_only=True)
    assert "Repository is read-only" in git.showing(frozen.token).fails("push", frozen.remote, "main")


def test_no_token_is_ever_written_down(server: LiveServer, stocked: Repo) -> None:
    """Neither what a good client shows nor what a bad one sends is in the server's output."""
    raw = RawGit(server, stocked)
    raw.post("git-upload-pack", b"not a packet")
    raw.post("git-receive-pack", b"not a packet", content_encoding="br")
    for shown in (f"Bearer {UNKNOWN}", basic("x", UNKNOWN), basic("x", stocked.secret)):
        ask(server, discovery(stocked), shown)
    said = server.output
    assert "art_v1_" not in said
    assert stocked.secret.removeprefix("art_v1_") not in said
    assert base64.b64encode(f"x:{stocked.secret}".encode()).decode() not in said
