"""`env.ARTIFACTS` in real Workers: the service binding under `wrangler dev`, and the wrapped binding in workerd."""

import json
import re
import subprocess
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from tests.clients.installed import node_program
from tests.clients.workers import (
    ADAPTER,
    COMPATIBILITY_DATE,
    SERVICE,
    WRANGLER,
    Probe,
    probe_by_workerd,
    probe_by_wrangler,
    quiet_environment,
)
from tests.clients.wrangler import WayOut
from tests.https_remote import HttpsRemote
from tests.live_server import API_TOKEN, Git, LiveServer, new_git
from tests.scenarios.test_imports import until_ready

INFO_FIELDS = {
    *("id", "name", "description", "defaultBranch", "createdAt", "updatedAt"),
    *("lastPushAt", "source", "readOnly", "remote"),
}
MADE_FIELDS = {"id", "name", "description", "defaultBranch", "remote", "token"}
PROBES = {"wrangler": probe_by_wrangler, "workerd": probe_by_workerd}
MIB = 2**20


@pytest.fixture(scope="module")
def remote(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HttpsRemote]:
    """What stands for the public hosts that one imports from."""
    with HttpsRemote(tmp_path_factory.mktemp("remote")) as https:
        work = new_git(https.folder / "work")
        work.commit({"README.md": "hello\n"})
        work.commit({"README.md": "hello again\n"})
        Git(https.folder)("clone", "-q", "--bare", "work", "hello.git")
        yield https


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory, remote: HttpsRemote) -> Iterator[LiveServer]:
    """A server that may import from there."""
    settings = {f"TREEHOLD_LIMITS__{name.upper()}": str(value) for name, value in remote.limits().items()}
    with LiveServer(tmp_path_factory.mktemp("house") / "data", settings=settings) as live:
        yield live


@pytest.fixture(scope="module", params=PROBES)
def probe(
    request: pytest.FixtureRequest, house: LiveServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Probe]:
    """The probe of one of the two kinds."""
    with PROBES[request.param](tmp_path_factory.mktemp("probe"), house) as running:
        yield running
        assert API_TOKEN not in running.running.output


@pytest.fixture
def name() -> str:
    """A name that no other test uses."""
    return f"repo-{uuid4().hex[:10]}"


def pushed(server: LiveServer, name: str, folder: Path) -> Git:
    """A repo with two branches, a tag with a slash in its name, and files of several kinds."""
    made = server.create(name)
    git = new_git(folder, made.token)
    git.commit(
        {"README.md": "hello\n", "src/a b.txt": "spaces\n", "image.png": b"\x89PNG\r\n\x1a\n...", "raw": b"\0\1"}
    )
    git.commit({"README.md": "hello again\n"}, "Second\n\nWith a body.")
    git("tag", "release/1.0")
    git("branch", "side")
    git("push", "-q", made.remote, "main", "side", "release/1.0")
    return git


def test_a_repo_is_made_and_its_token_pushes(probe: Probe, name: str, tmp_path: Path) -> None:
    """create answers what the types say, with a remote and a token that a git pushes with."""
    made = probe("create", name, {"description": "What it is", "setDefaultBranch": "trunk"})
    assert set(made) == MADE_FIELDS
    assert (made["name"], made["description"], made["defaultBranch"]) == (name, "What it is", "trunk")
    git = new_git(tmp_path / "work", made["token"])
    git.commit({"README.md": "hello\n"})
    git("push", "-q", made["remote"], "HEAD:trunk")
    assert probe("info", repo=name)["lastPushAt"] is not None


def test_a_read_only_repo_is_not_pushed_to(probe: Probe, name: str, tmp_path: Path) -> None:
    """readOnly reaches the server."""
    made = probe("create", name, {"readOnly": True})
    git = new_git(tmp_path / "work", made["token"])
    git.commit({"README.md": "hello\n"})
    assert "403" in git.fails("push", made["remote"], "HEAD:main")


def test_a_handle_tells_of_its_repo_in_both_ways(probe: Probe, name: str) -> None:
    """Programs of the first days find properties on the handle, those of today ask info(), and both hear the same."""
    made = probe("create", name)
    handle, info = probe("properties", repo=name), probe("info", repo=name)
    assert set(info) == INFO_FIELDS
    assert handle == info
    assert {field: info[field] for field in ("id", "remote")} == {field: made[field] for field in ("id", "remote")}
    assert (info["readOnly"], info["source"], info["description"], info["lastPushAt"]) == (False, None, None, None)
    assert datetime.fromisoformat(info["createdAt"]).tzinfo is not None


def test_repos_are_listed_page_by_page(probe: Probe, house: LiveServer) -> None:
    """Following the cursor lists each repo once, without remotes, and the last page has no cursor."""
    names = {house.create(f"listed-{uuid4().hex[:10]}").name for _ in range(5)}
    listed: list[dict[str, Any]] = []
    cursor: dict[str, str] = {}
    while True:
        page = probe("list", {"limit": 3, **cursor})
        listed += page["repos"]
        if "cursor" not in page:
            break
        cursor = {"cursor": page["cursor"]}
    found = [row["name"] for row in listed]
    assert names <= set(found)
    assert len(found) == len(set(found)) == page["total"] == probe("list")["total"]
    assert all(set(row) == INFO_FIELDS - {"remote"} for row in listed)


def test_a_deleted_repo_is_gone(probe: Probe, name: str) -> None:
    """delete says whether there was one, and get throws NOT_FOUND from then on."""
    probe("create", name)
    assert probe("delete", name) is True
    assert probe.refused("info", repo=name)["code"] == "NOT_FOUND"
    assert probe("delete", f"never-{name}") is False


def test_tokens_are_made_listed_and_revoked(probe: Probe, name: str) -> None:
    """A token is there by its id until it is revoked, by its id or by itself, and is listed as revoked from then on."""
    probe("create", name)
    read, write = probe("createToken", "read", 3600, repo=name), probe("createToken", repo=name)
    assert set(read) == {"id", "plaintext", "scope", "expiresAt"}
    assert (read["scope"], write["scope"]) == ("read", "write")
    assert probe("revokeToken", read["id"], repo=name) is True
    assert probe("revokeToken", write["plaintext"], repo=name) is True
    assert probe("revokeToken", "0" * 16, repo=name) is False
    listed = probe("listTokens", repo=name)
    assert listed["total"] == len(listed["tokens"]) == 3
    states = {row["id"]: row["state"] for row in listed["tokens"]}
    assert (states[read["id"]], states[write["id"]], min(states.values())) == ("revoked", "revoked", "active")
    assert set(listed["tokens"][0]) == {"id", "scope", "state", "createdAt", "expiresAt"}


def test_objects_are_read_by_their_ids(probe: Probe, house: LiveServer, name: str, tmp_path: Path) -> None:
    """Commits, trees and blobs read as git has them; what is not there is null."""
    git = pushed(house, name, tmp_path / "work")
    head, first = git("rev-parse", "HEAD"), git("rev-parse", "HEAD~1")
    commit = probe("readCommit", head, repo=name)
    assert (commit["hash"], commit["parents"], commit["message"]) == (head, [first], "Second\n\nWith a body.")
    assert commit["author"] == {"name": "A Tester", "email": "tester@example.com"}
    assert commit["committedAt"] == int(git("log", "-1", "--format=%ct"))
    tree = {entry["name"]: entry for entry in probe("readTree", commit["treeHash"], repo=name)}
    assert (tree["src"]["type"], tree["src"]["mode"], tree["README.md"]["mode"]) == ("tree", "40000", "100644")
    blob = probe("readBlob", tree["README.md"]["hash"], repo=name)
    assert (blob["text"], blob["size"]) == ("hello again\n", 12)
    for verb in ("readCommit", "readTree", "readBlob"):
        assert probe(verb, "0" * 40, repo=name) is None


def test_files_are_read_by_path(probe: Probe, house: LiveServer, name: str, tmp_path: Path) -> None:
    """A file comes with a type for browsers, at a branch, at a tag with a slash and at a commit."""
    git = pushed(house, name, tmp_path / "work")
    first = git("rev-parse", "HEAD~1")
    read = [(ref, probe("readFile", {"ref": ref, "path": "README.md"}, repo=name)) for ref in ("main", "release/1.0")]
    assert [file["text"] for _, file in read] == ["hello again\n"] * 2
    assert probe("readFile", {"ref": first, "path": "./README.md"}, repo=name)["text"] == "hello\n"
    assert probe("readFile", {"ref": "main", "path": "/src//a b.txt"}, repo=name)["text"] == "spaces\n"
    types = [
        probe("readFile", {"ref": "main", "path": path}, repo=name)["type"]
        for path in ("README.md", "image.png", "raw")
    ]
    assert [kind.partition(";")[0] for kind in types] == ["text/plain", "image/png", "application/octet-stream"]


@pytest.mark.parametrize(
    ("ref", "path"),
    [("main", "no-such-file"), ("main", "src"), ("no-such-ref", "README.md"), ("..", "README.md")],
)
def test_a_file_that_is_not_there_is_null(
    probe: Probe, house: LiveServer, name: str, tmp_path: Path, ref: str, path: str
) -> None:
    """So are a folder, a file of an unknown ref, and whatever would lead out of the repo."""
    pushed(house, name, tmp_path / "work")
    assert probe("readFile", {"ref": ref, "path": path}, repo=name) is None
    assert probe("readFile", {"ref": "main", "path": f"src/../{path}"}, repo=name) is None


def test_the_log_goes_along_first_parents(probe: Probe, house: LiveServer, name: str, tmp_path: Path) -> None:
    """It is newest first, from HEAD or a ref, with limit and offset; of an unknown ref it is empty."""
    git = pushed(house, name, tmp_path / "work")
    ids = git("rev-list", "HEAD").split()
    assert [commit["hash"] for commit in probe("log", repo=name)] == ids
    assert [commit["hash"] for commit in probe("log", {"ref": "side", "limit": 1, "offset": 1}, repo=name)] == ids[1:]
    assert probe("log", {"ref": "no-such-ref"}, repo=name) == []


def test_a_fork_has_the_default_branch_or_all(probe: Probe, house: LiveServer, name: str, tmp_path: Path) -> None:
    """A fork takes the default branch alone unless it is told otherwise, and knows its parent."""
    git = pushed(house, name, tmp_path / "work")
    fork = probe("fork", f"{name}-fork", {"description": "A fork", "readOnly": True}, repo=name)
    whole = probe("fork", f"{name}-whole", {"defaultBranchOnly": False}, repo=name)
    assert (set(fork), fork["description"]) == (MADE_FIELDS, "A fork")
    info = probe("info", repo=f"{name}-fork")
    assert (info["source"], info["readOnly"]) == (f"artifacts:default/{name}", True)
    heads = {
        made["name"]: git.showing(made["token"])("ls-remote", "--heads", made["remote"]).count("refs/heads/")
        for made in (fork, whole)
    }
    assert heads == {f"{name}-fork": 1, f"{name}-whole": 2}


def test_an_import_is_a_copy(probe: Probe, house: LiveServer, remote: HttpsRemote, name: str) -> None:
    """import answers at once with a remote and a token, and the history is there when it is ready."""
    source = {"url": f"{remote.url}/repos/hello.git", "branch": "main"}
    made = probe("import", {"source": source, "target": {"name": name, "opts": {"description": "A copy"}}})
    assert (set(made), made["description"]) == (MADE_FIELDS, "A copy")
    until_ready(house, name)
    assert probe("info", repo=name)["source"] == f"git:{remote.url}/repos/hello.git"
    assert len(probe("log", repo=name)) == 2


def test_an_import_may_be_shallow(probe: Probe, house: LiveServer, remote: HttpsRemote, name: str) -> None:
    """depth says how much of the history comes along."""
    source = {"url": f"{remote.url}/repos/hello.git", "depth": 1}
    probe("import", {"source": source, "target": {"name": name}})
    until_ready(house, name)
    assert len(probe("log", repo=name)) == 1


def test_a_repo_that_is_being_imported_is_not_got(
    probe: Probe, house: LiveServer, remote: HttpsRemote, name: str
) -> None:
    """get throws IMPORT_IN_PROGRESS until the history is there."""
    source = {"url": f"{remote.url}/stuck/hello.git"}
    probe("import", {"source": source, "target": {"name": name}})
    refused = probe.refused("info", repo=name)
    assert (refused["code"], refused["numericCode"]) == ("IMPORT_IN_PROGRESS", 10302)
    assert probe("delete", name) is True


@pytest.mark.parametrize(
    ("path", "code", "number"),
    [
        ("/private/hello.git", "REMOTE_AUTH_REQUIRED", 10106),
        ("/html/hello.git", "INVALID_URL", 10104),
        ("/missing/hello.git", "NOT_FOUND", 10200),
        ("/broken/hello.git", "UPSTREAM_UNAVAILABLE", 10401),
    ],
)
def test_an_import_that_fails_says_why(
    probe: Probe, remote: HttpsRemote, name: str, path: str, code: str, number: int
) -> None:
    """Each way in which a remote can refuse has its code."""
    refused = probe.refused("import", {"source": {"url": remote.url + path}, "target": {"name": name}})
    assert (refused["code"], refused["numericCode"]) == (code, number)


@pytest.mark.parametrize(
    ("verb", "args", "code", "number"),
    [
        ("create", ["-"], "INVALID_REPO_NAME", 10101),
        ("create", ["a"], "INVALID_REPO_NAME", 10101),
        ("create", [], "INVALID_REPO_NAME", 10101),
        ("create", ["some-repo", {"readOnly": "yes"}], "INVALID_INPUT", 10100),
        ("create", ["some-repo", {"setDefaultBranch": ".."}], "INVALID_INPUT", 10100),
        ("get", ["no-such-repo"], "NOT_FOUND", 10200),
        ("get", [".."], "INVALID_REPO_NAME", 10101),
        ("delete", ["some/repo"], "INVALID_REPO_NAME", 10101),
        ("list", [{"limit": 0}], "INVALID_INPUT", 10100),
        ("import", [], "INVALID_REPO_NAME", 10101),
        ("import", [{"target": {"name": "some-repo"}}], "INVALID_INPUT", 10100),
        (
            "import",
            [{"source": {"url": "http://localhost/x"}, "target": {"name": "some-repo"}}],
            "INVALID_INPUT",
            10100,
        ),
    ],
)
def test_the_namespace_refuses_with_a_code(probe: Probe, verb: str, args: list[object], code: str, number: int) -> None:
    """What is thrown is an Error named ArtifactsError with a code and its number, on the Worker's side too."""
    refused = probe.refused(verb, *args)
    assert (refused["name"], refused["isError"]) == ("ArtifactsError", True)
    assert (refused["code"], refused["numericCode"]) == (code, number)
    assert refused["message"]


@pytest.mark.parametrize(
    ("verb", "args", "code"),
    [
        ("createToken", ["read", 1], "INVALID_TTL"),
        ("createToken", ["admin"], "INVALID_INPUT"),
        ("revokeToken", [""], "INVALID_INPUT"),
        ("revokeToken", [".."], "INVALID_INPUT"),
        ("readBlob", ["abc"], "INVALID_INPUT"),
        ("readTree", [""], "INVALID_INPUT"),
        ("readCommit", ["A" * 40], "INVALID_INPUT"),
        ("readFile", [{"ref": "", "path": "a"}], "INVALID_INPUT"),
        ("readFile", [{"ref": "main"}], "INVALID_INPUT"),
        ("log", [{"limit": 0}], "INVALID_INPUT"),
        ("fork", ["-"], "INVALID_REPO_NAME"),
        ("fork", ["some-fork", {"readOnly": 1}], "INVALID_INPUT"),
    ],
)
def test_a_repo_refuses_with_a_code(
    probe: Probe, house: LiveServer, name: str, verb: str, args: list[object], code: str
) -> None:
    """So do the verbs of a handle."""
    house.create(name)
    assert probe.refused(verb, *args, repo=name)["code"] == code


def test_a_taken_name_is_refused(probe: Probe, name: str) -> None:
    """create, fork and import of a name that is there throw ALREADY_EXISTS."""
    probe("create", name)
    target = {"source": {"url": "https://localhost/x"}, "target": {"name": name}}
    thrown = [probe.refused("create", name), probe.refused("fork", name, repo=name), probe.refused("import", target)]
    assert [(error["code"], error["numericCode"]) for error in thrown] == [("ALREADY_EXISTS", 10201)] * 3


def test_a_blob_of_many_megabytes_is_read(probe: Probe, house: LiveServer, name: str, tmp_path: Path) -> None:
    """What fits into an answer of RPC is read whole, and what does not is MEMORY_LIMIT."""
    made = house.create(name)
    git = new_git(tmp_path / "work", made.token)
    git.commit({"fits": b"a" * 31 * MIB, "does-not": b"a" * (31 * MIB + 1)})
    git("push", "-q", made.remote, "main")
    assert probe("readFile", {"ref": "main", "path": "fits"}, repo=name)["size"] == 31 * MIB
    refused = probe.refused("readBlob", git("rev-parse", "HEAD:does-not"), repo=name)
    assert (refused["code"], refused["numericCode"]) == ("MEMORY_LIMIT", 10402)


def test_a_worker_keeps_its_binding_for_deployment(house: LiveServer, name: str, tmp_path: Path) -> None:
    """The service may be bound in an environment, while the Worker itself has the real binding."""
    chosen = {"services": [], "env": {"treehold": {"services": [SERVICE]}}}
    real = {"artifacts": [{"binding": "ARTIFACTS", "namespace": "default"}]}
    with probe_by_wrangler(tmp_path, house, environment="treehold", **chosen, **real) as probe:
        assert probe("create", name)["remote"] == f"{house.url}/git/default/{name}.git"


def test_a_service_says_which_namespace(house: LiveServer, name: str, tmp_path: Path) -> None:
    """Two Workers may be in two namespaces of the same server by the props of their bindings."""
    other = {**SERVICE, "props": {"namespace": "other-space"}}
    with probe_by_wrangler(tmp_path, house, services=[other]) as probe:
        assert probe("create", name)["remote"] == f"{house.url}/git/other-space/{name}.git"
    assert house.call("GET", f"/repos/{name}", namespace="other-space").status_code == 200


def test_a_worker_does_not_reach_the_module_that_wraps(house: LiveServer, tmp_path: Path) -> None:
    """What holds the API token in workerd can be imported by the extension alone."""
    with (
        pytest.raises(AssertionError, match='No such module "treehold:core"'),
        probe_by_workerd(tmp_path, house, before='import "treehold:core";\n'),
    ):
        pass


def declarations(text: str) -> dict[str, str]:
    """The interfaces and types about artifacts in TypeScript, by name, without comments and in one style."""
    text = re.sub(r"/\*.*?\*/|^\s*//[^\n]*", "", text, flags=re.DOTALL | re.MULTILINE)
    found = re.findall(
        r"^(?:export )?((?:interface (Artifacts\w*)[^{]*{.*?^})|(?:type (Artifacts\w*) =.*?;))$",
        text,
        re.DOTALL | re.MULTILINE,
    )
    return {one or other: plain(whole) for whole, one, other in found}


def plain(declaration: str) -> str:
    words = re.sub(r"\s+", " ", declaration.replace('"', "'"))
    return words.replace("= | ", "= ")


def test_the_types_are_those_of_wrangler(tmp_path: Path) -> None:
    """Whatever `wrangler types` declares of an artifacts binding, index.d.ts declares alike, and ArtifactsHandle."""
    binding = {"binding": "ARTIFACTS", "namespace": "default"}
    told = {"name": "typed", "main": "typed.js", "compatibility_date": COMPATIBILITY_DATE, "artifacts": [binding]}
    (tmp_path / "wrangler.jsonc").write_text(json.dumps(told))
    (tmp_path / "typed.js").write_text("export default {};\n")
    with WayOut() as way_out:
        environment = quiet_environment(tmp_path, way_out)
        command: list[str | Path] = [node_program(), WRANGLER, "types"]
        subprocess.run(command, cwd=tmp_path, env=environment, check=True, capture_output=True, timeout=300)
        assert way_out.asked == []
    theirs = declarations((tmp_path / "worker-configuration.d.ts").read_text())
    ours = declarations((ADAPTER / "index.d.ts").read_text())
    assert ours.pop("ArtifactsHandle") == "type ArtifactsHandle = ArtifactsRepo & ArtifactsRepoInfo;"
    assert {"Artifacts", "ArtifactsRepo", "ArtifactsErrorCode"} <= set(theirs)
    assert ours == theirs
