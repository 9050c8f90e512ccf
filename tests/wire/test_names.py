"""Names at every door: which are taken under each policy, and by which one and the same repo is found again."""

from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import httpx
import pytest

from tests.live_server import API_TOKEN, NO_TLS, Git, LiveServer
from tests.wire.rest_server import ACCOUNT, RestServer, error
from treehold.auth.names import NamePolicy, NameStyle
from treehold.engine.context import Engine
from treehold.git_http.app import GitDoor

BASE = f"/client/v4/accounts/{ACCOUNT}/artifacts/namespaces"
UNREACHABLE = "https://127.0.0.1/some.git"
"""A URL that is well-formed and refused, for its address, only after the name was looked at."""

NEVER = [
    "ab",
    "a" * 64,
    "-abc",
    ".abc",
    "_abc",
    "a..b",
    "..",
    "abc.git",
    "abc.",
    ".git",
    "a b",
    "a%2Fb",
    "abç",
    "\N{KELVIN SIGN}elvin",
    "a\0b",
    "a\nb",
    "abc\n",
]
ALWAYS = ["agent-007", "worker-demo-3f2a9c1e", "docs-site", "abc", "a" * 63, "0.1", "9--_", "a.git.b"]
CAPITALS = ["Agent-7__build-cache", "ABC", "aBc", "Z" * 63]


@pytest.fixture(params=["strict", "relaxed"])
def style(request: pytest.FixtureRequest) -> NameStyle:
    """Each policy in turn."""
    chosen: NameStyle = request.param
    return chosen


@pytest.fixture
def engine(engine: Engine, style: NameStyle) -> Engine:
    """The usual engine under that policy."""
    return replace(engine, names=NamePolicy(style))


async def post(rest: RestServer, path: str, body: object, *, base: str = BASE) -> tuple[int, Any]:
    """What a POST is answered: its status, and the result or else the error."""
    answered = await rest.ask("POST", path, base=base, json=body)
    shown = answered.json()
    return answered.status_code, shown["result"] if answered.is_success else error(shown)


async def test_every_way_to_a_new_repo_has_the_same_rules(rest: RestServer, style: NameStyle) -> None:
    """Creation, fork, import and the workspace API take the same names and refuse the others as /name."""
    await rest.create("parent")
    refused = (400, (10101, "/name"))
    for name in (*NEVER, *ALWAYS, *CAPITALS):
        is_good, escaped = name in ALWAYS or (style == "relaxed" and name in CAPITALS), quote(name, safe="")
        for path, base in (("/made/repos", BASE), ("/default/repos/parent/fork", BASE), ("/repos", "/artifacts")):
            status, shown = await post(rest, path, {"name": name}, base=base)
            assert (status, shown["name"]) == (201, name) if is_good else (status, shown) == refused, (path, name)
            if is_good:
                namespace = path.split("/")[1] if base == BASE else "default"
                await rest.ask("DELETE", f"/{namespace}/repos/{escaped}", base=BASE)
        if name != "..":  # clients resolve it before they ask
            imported = await post(rest, f"/other/repos/{escaped}/import", {"url": UNREACHABLE})
            expected = (400, (10100, "/url")) if is_good else (404, (10200, None)) if "\0" in name else refused
            assert imported == expected, name


async def test_namespaces_have_the_same_rules_but_may_be_shorter(rest: RestServer, style: NameStyle) -> None:
    """Made by themselves or with their first repo, namespaces have 2 to 63 characters."""
    refused = (400, (10100, "/namespace"))
    for name in (*NEVER[1:], *ALWAYS, *CAPITALS, "a", "ab", "Ab"):
        is_good = name in (*ALWAYS, "ab") or (style == "relaxed" and name in (*CAPITALS, "Ab"))
        status, shown = await post(rest, "", {"namespace": name})
        assert (status, shown["namespace"]) == (201, name) if is_good else (status, shown) == refused, name
        if is_good:
            assert (await rest.ask("DELETE", f"/{name}", base=BASE)).status_code == 204
        if name != "..":  # clients resolve it before they ask
            status, shown = await post(rest, f"/{quote(name, safe='')}/repos", {"name": "first"})
            if is_good:
                assert (status, shown["remote"]) == (201, f"https://git.example/git/{name}/first.git")
                assert (await rest.ask("DELETE", f"/{name}/repos/first", base=BASE)).status_code == 202
                assert (await rest.ask("DELETE", f"/{name}", base=BASE)).status_code == 204
            else:
                assert (status, shown) == ((404, (10200, None)) if "\0" in name else refused), name


@pytest.mark.parametrize("style", ["relaxed"], indirect=True)
async def test_a_repo_is_found_and_taken_in_any_case(rest: RestServer) -> None:
    """It keeps the name it was given, answers to it in every case, and no other case of it can be had besides."""
    made = (await post(rest, "/Agents/repos", {"name": "Agent-7__build-cache"}))[1]
    assert made["remote"] == "https://git.example/git/Agents/Agent-7__build-cache.git"
    await rest.create("parent")
    for namespace, name in (
        ("Agents", "Agent-7__build-cache"),
        ("agents", "agent-7__build-cache"),
        ("AGENTS", "AGENT-7__BUILD-CACHE"),
    ):
        shown = (await rest.ask("GET", f"/{namespace}/repos/{name}", base=BASE)).json()["result"]
        assert (shown["id"], shown["name"], shown["remote"]) == (made["id"], "Agent-7__build-cache", made["remote"])
        for search in ("", f"?search={name[3:12]}", "?sort=name"):
            listed = (await rest.ask("GET", f"/{namespace}/repos{search}", base=BASE)).json()["result"]
            assert [row["name"] for row in listed] == ["Agent-7__build-cache"]
        assert await post(rest, f"/{namespace}/repos", {"name": name}) == (409, (10201, None))
        taken = await post(rest, f"/{namespace}/repos/{name}/import", {"url": UNREACHABLE})
        assert taken == (409, (10201, None))
        assert await post(rest, f"/{namespace}/repos/{name}/fork", {"name": name}) == (409, (10201, None))
        assert await post(rest, "", {"namespace": namespace}) == (409, (10201, None))
        assert (await post(rest, f"/{namespace}/tokens", {"repo": name}))[0] == 201
    assert (await rest.ask("GET", "", base=BASE)).json()["result_info"]["total_count"] == 2
    for _ in range(2):
        removed = await rest.ask("DELETE", "/agentS/repos/agent-7__BUILD-cache", base=BASE)
        assert (removed.status_code, removed.json()["result"]) == (202, {"id": made["id"]})
    assert (await post(rest, "/AGENTS/repos", {"name": "AGENT-7__build-cache"}))[0] == 201


async def test_git_finds_a_repo_in_any_case(rest: RestServer, style: NameStyle) -> None:
    """Whatever the case in a remote's path, and however it is escaped, its token opens the one repo that it names."""
    namespace, name = ("Agents", "Agent-k7__build-cache") if style == "relaxed" else ("agents", "agent-k7__build-cache")
    token = (await post(rest, f"/{namespace}/repos", {"name": name}))[1]["token"]
    door = httpx.ASGITransport(GitDoor(rest.engine))
    async with httpx.AsyncClient(transport=door, headers={"authorization": f"Bearer {token}"}) as git:
        for path, status in (
            (f"{namespace}/{name}.git", 200),
            (f"{namespace}/{name}", 200),
            ("agents/agent-k7__build-cache.git", 200),
            ("AGENTS/AGENT-K7__BUILD-CACHE.git", 200),
            ("agents/%61gent%2Dk7__build-cache.git", 200),
            (f"acme/{namespace.upper()}/{name.lower()}.git", 200),
            (f"ACME/{namespace}/{name}.git", 403),
            ("agents/agent-\N{KELVIN SIGN}7__build-cache.git", 403),
            ("agents/agent-k7__build-cache.GIT", 403),
            ("agents/agent-k8__build-cache.git", 403),
            ("agents/agent-k7%2F__build-cache.git", 403),
            ("agents/agent-k7__build-cache%00.git", 403),
            ("agents/agent-k7__build-cache.git.git", 403),
        ):
            answered = await git.get(f"https://git.example/git/{path}/info/refs?service=git-upload-pack")
            assert answered.status_code == status, path


@pytest.mark.parametrize("style", ["strict"], indirect=True)
async def test_the_strict_find_repos_in_any_case_too(rest: RestServer) -> None:
    """The policy is about new names alone: a client that writes capitals is led to the repo that is there."""
    made = await rest.create("agent-7")
    shown = await rest.ask("GET", "/DEFAULT/repos/Agent-7", base=BASE)
    assert shown.json()["result"]["id"] == made["id"]


@pytest.mark.parametrize("name", ["objects/try", "info/refs", "objects/info/packs", "x/HEAD", "x/git-upload-pack"])
def test_levels_of_workspace_names_may_be_gits_own_words(server: LiveServer, name: str) -> None:
    """A level named as a folder or a service of Git is one like any other, and what it names is no dumb Git path."""
    unique = f"{uuid4().hex[:12]}/{name}".lower()
    with httpx.Client(base_url=server.url, headers={"authorization": f"Bearer {API_TOKEN}"}, verify=NO_TLS) as http:
        made = http.post("/artifacts/repos", json={"name": unique})
        first = http.post("/artifacts/repos", json={"name": name.lower()})
        assert (made.status_code, made.json()["result"]["name"]) == (201, unique.replace("/", "--"))
        assert first.status_code == 201
        for parent in (unique, name.lower()):
            forked = http.post(f"/artifacts/repos/{parent}/fork", json={"name": f"{unique}/{len(parent)}"})
            assert forked.status_code == 201, forked.text
            imported = http.post(f"/artifacts/repos/{parent}/copy/import", json={"url": UNREACHABLE})
            assert (imported.status_code, error(imported.json())) == (400, (10100, "/url"))
        for path in ("HEAD", "objects/info/packs", "objects/ab/cdef"):
            for base in ("", "/git"):
                assert http.get(f"{base}/default/{unique.replace('/', '--')}.git/{path}").status_code == 404


def test_the_setting_makes_names_relaxed(tmp_path: Path) -> None:
    """A server that is set so takes upper case, and git clones by any case of the remote's path."""
    with LiveServer(tmp_path / "data", settings={"TREEHOLD_NAME_POLICY": "relaxed"}) as relaxed:
        repo = relaxed.create("Agent-7__build-cache", namespace="Agents")
        assert repo.remote.endswith("/git/Agents/Agent-7__build-cache.git")
        Git(tmp_path, repo.token)("clone", "-q", repo.remote.lower(), "clone")
        forked = relaxed.result("POST", "/repos/AGENT-7__build-cache/fork", {"name": "Fork"}, namespace="agents")
        assert forked["name"] == "Fork"
        shown = relaxed.result("GET", "/repos/fork", namespace="AGENTS")
        assert shown["source"] == "artifacts:Agents/Agent-7__build-cache"
