"""Reads without Git over REST: log, commits, trees, blobs, files."""

import zlib
from typing import Any
from urllib.parse import quote, quote_from_bytes

import pytest

from tests.unit.engine.small_repo import SmallRepo
from tests.wire.raw_git import PERSON, Object, blob, commit, oid_of, tree
from tests.wire.rest_server import ACCOUNT, DOCUMENTED, LAUNCH_DAY, RestServer, error
from treehold.ids import ObjectId, ObjectKind
from treehold.objects.tag import Tag, encode_tag
from treehold.objects.tree import (
    MODE_EXECUTABLE,
    MODE_FILE,
    MODE_GITLINK,
    MODE_SYMLINK,
    MODE_TREE,
    TreeEntry,
    encode_tree,
)

BASES = pytest.mark.parametrize("base", [DOCUMENTED, LAUNCH_DAY])
MODULE = ObjectId(b"\x11" * 20)
README = blob(b"# Hello\n")
PAGE = blob(b"<script>alert(1)</script>")
IMAGE = blob(b"\x89PNG\r\n\x1a\n\0\0")
BINARY = blob(b"\0\1\2")
EMPTY = blob(b"")
FOLDER = tree({b"index.html": PAGE, b"a b+c%2F#?.txt": README, b"\xff": BINARY, "日本.txt".encode(): README})
TOP: Object = (
    ObjectKind.TREE,
    encode_tree(
        [
            TreeEntry(MODE_FILE, b"README.md", oid_of(README)),
            TreeEntry(MODE_FILE, b"empty", oid_of(EMPTY)),
            TreeEntry(MODE_TREE, b"folder", oid_of(FOLDER)),
            TreeEntry(MODE_FILE, b"image.png", oid_of(IMAGE)),
            TreeEntry(MODE_SYMLINK, b"link", oid_of(blob(b"README.md"))),
            TreeEntry(MODE_GITLINK, b"module", MODULE),
            TreeEntry(MODE_EXECUTABLE, b"run.sh", oid_of(README)),
        ]
    ),
)
OLD = commit(tree({b"README.md": EMPTY}), message=b"First\n")
TIP = commit(TOP, OLD, message=b"Second\n\nwith a body\n\n")
TAG: Object = (ObjectKind.TAG, encode_tag(Tag(oid_of(OLD), ObjectKind.COMMIT, b"v1", None, b"Tagged\n")))
OBJECTS = [
    README,
    PAGE,
    IMAGE,
    BINARY,
    EMPTY,
    blob(b"README.md"),
    FOLDER,
    TOP,
    tree({b"README.md": EMPTY}),
    OLD,
    TIP,
    TAG,
]
IMMUTABLE = "private, max-age=31536000, immutable"


def hash_of(item: Object) -> str:
    return oid_of(item).hex()


@pytest.fixture
async def site(rest: RestServer) -> SmallRepo:
    """A repo with two commits, a tag, a branch with a slash and one that is not UTF-8."""
    await rest.create("site")
    repo = SmallRepo(rest.engine, await rest.engine.catalog.find_repo(ACCOUNT, "default", "site"))
    refs = {b"refs/heads/main": TIP, b"refs/heads/feature/x": OLD, b"refs/tags/v1": TAG, b"refs/heads/\xff": OLD}
    await repo.push(OBJECTS, {name: oid_of(item) for name, item in refs.items()})
    return repo


async def result(rest: RestServer, path: str, *, base: str = DOCUMENTED) -> Any:
    answered = await rest.ask("GET", "/repos/site" + path, base=base, token="read")
    assert answered.status_code == 200, answered.text
    body = answered.json()
    assert body == {"result": body["result"], "success": True, "errors": [], "messages": []}
    return body["result"]


@BASES
async def test_a_log_lists_commits(rest: RestServer, site: SmallRepo, base: str) -> None:
    """A log has the commits as the service's own binding spells them, the newest first."""
    second, first = await result(rest, "/log", base=base)
    person = {"name": "A Tester", "email": "tester@example.com"}
    seconds = int(PERSON.split()[-2])
    assert second == {
        "hash": hash_of(TIP),
        "treeHash": hash_of(TOP),
        "message": "Second\n\nwith a body\n",
        "author": person,
        "committer": person,
        "parents": [hash_of(OLD)],
        "authoredAt": seconds,
        "committedAt": seconds,
    }
    assert (first["hash"], first["message"], first["parents"]) == (hash_of(OLD), "First", [])


@pytest.mark.parametrize(
    ("query", "listed"),
    [
        ("", [TIP, OLD]),
        ("?limit=1", [TIP]),
        ("?limit=1&offset=1", [OLD]),
        ("?offset=2", []),
        ("?limit=5000", [TIP, OLD]),
        ("?ref=feature/x", [OLD]),
        ("?ref=feature%2Fx", [OLD]),
        ("?ref=refs/heads/feature/x", [OLD]),
        ("?ref=v1", [OLD]),
        ("?ref=%ff", [OLD]),
        (f"?ref={hash_of(OLD)}", [OLD]),
        (f"?ref={hash_of(OLD)[:7]}", [OLD]),
        ("?ref=nothing", []),
        ("?path=README.md", [TIP, OLD]),
        ("?path=folder", [TIP]),
        ("?path=folder/", [TIP]),
        ("?path=folder/%ff", [TIP]),
        ("?path=/folder", []),
        ("?path=nothing", []),
        ("?ref=&path=&limit=&offset=", [TIP, OLD]),
    ],
)
async def test_a_log_is_of_what_is_asked_for(
    rest: RestServer, site: SmallRepo, query: str, listed: list[Object]
) -> None:
    """Ref, path, limit and offset choose the commits."""
    assert [row["hash"] for row in await result(rest, "/log" + query)] == [hash_of(item) for item in listed]


async def test_commits_and_trees_are_shown(rest: RestServer, site: SmallRepo) -> None:
    """What an id names is shown, and may be kept for ever by whoever was let in."""
    assert await result(rest, f"/commit/{hash_of(TIP)}") == (await result(rest, "/log"))[0]
    assert await result(rest, f"/tree/{hash_of(TOP)}") == [
        {"name": "README.md", "mode": "100644", "hash": hash_of(README), "type": "blob"},
        {"name": "empty", "mode": "100644", "hash": hash_of(EMPTY), "type": "blob"},
        {"name": "folder", "mode": "40000", "hash": hash_of(FOLDER), "type": "tree"},
        {"name": "image.png", "mode": "100644", "hash": hash_of(IMAGE), "type": "blob"},
        {"name": "link", "mode": "120000", "hash": hash_of(blob(b"README.md")), "type": "symlink"},
        {"name": "module", "mode": "160000", "hash": MODULE.hex(), "type": "gitlink"},
        {"name": "run.sh", "mode": "100755", "hash": hash_of(README), "type": "exec"},
    ]
    assert [row["name"] for row in await result(rest, f"/tree/{hash_of(FOLDER)}")][-1] == "\ufffd"
    for path in (f"/commit/{hash_of(TIP)}", f"/tree/{hash_of(TOP)}", f"/blob/{hash_of(README)}"):
        answered = await rest.ask("GET", "/repos/site" + path)
        assert answered.headers["cache-control"] == IMMUTABLE
    assert (await rest.ask("GET", "/repos/site/log")).headers["cache-control"] == "no-store"


@BASES
@pytest.mark.parametrize(
    ("path", "item"),
    [
        (f"/blob/{hash_of(PAGE)}", PAGE),
        ("/file?path=README.md", README),
        ("/file?path=empty", EMPTY),
        ("/file?path=link", blob(b"README.md")),
        ("/file?ref=v1&path=README.md", EMPTY),
        ("/file?ref=%ff&path=README.md", EMPTY),
        ("/file?path=folder/%ff", BINARY),
        ("/file?path=folder%2findex.html", PAGE),
        ("/file?path=" + quote("folder/a b+c%2F#?.txt"), README),
        ("/raw/main/README.md", README),
        ("/raw/HEAD/folder/index.html", PAGE),
        ("/raw/feature%2Fx/README.md", EMPTY),
        ("/raw/refs%2Fheads%2Ffeature%2fx/README.md", EMPTY),
        ("/raw/%FF/README.md", EMPTY),
        ("/raw/main/folder/%FF", BINARY),
        ("/raw/main/folder%2Findex.html", PAGE),
        ("/raw/main/" + quote("folder/a b+c%2F#?.txt"), README),
        ("/raw/main/" + quote_from_bytes("folder/日本.txt".encode()), README),
        (f"/raw/{hash_of(TIP)[:8]}/image.png", IMAGE),
    ],
)
async def test_bytes_are_sent(rest: RestServer, site: SmallRepo, base: str, path: str, item: Object) -> None:
    """A blob's bytes come by its id or its path, which may be any bytes, with the id as their tag; HEAD is the same."""
    answered = await rest.ask("GET", "/repos/site" + path, base=base, token="read")
    assert (answered.status_code, answered.content) == (200, item[1]), answered.text
    assert answered.headers["etag"] == f'"{hash_of(item)}"'
    assert answered.headers["x-content-type-options"] == "nosniff"
    assert answered.headers["cache-control"].startswith("private, ")
    head = await rest.ask("HEAD", "/repos/site" + path, base=base, token="read")
    assert (head.status_code, head.content, dict(head.headers)) == (200, b"", dict(answered.headers))


@pytest.mark.parametrize(
    ("path", "media_type"),
    [
        ("/file?path=README.md", "application/octet-stream"),
        ("/file?path=image.png", "application/octet-stream"),
        ("/raw/main/README.md", "text/plain; charset=utf-8"),
        ("/raw/main/folder/index.html", "text/plain; charset=utf-8"),
        ("/raw/main/empty", "text/plain; charset=utf-8"),
        ("/raw/main/image.png", "image/png"),
        ("/raw/main/folder/%FF", "application/octet-stream"),
    ],
)
async def test_only_raw_tells_a_type(rest: RestServer, site: SmallRepo, path: str, media_type: str) -> None:
    """Only the raw route tells what bytes are, and a page of somebody else runs in no browser."""
    answered = await rest.ask("GET", "/repos/site" + path)
    assert answered.headers["content-type"] == media_type
    assert answered.headers["content-security-policy"] == "sandbox; default-src 'none'"


@pytest.mark.parametrize(
    "path",
    [
        "/file?path=nothing",
        "/file?path=folder",
        "/file?path=folder/",
        "/file?path=module",
        "/file?path=/README.md",
        "/file?path=../README.md",
        "/file?path=folder/../README.md",
        "/file?path=folder//index.html",
        "/file?path=%ef%bf%bd",
        "/file?path=README.md&ref=nothing",
        "/raw/nothing/README.md",
        "/raw/feature/x/README.md",
        "/raw/main/folder",
        "/raw/main/",
        "/raw/main",
        "/raw/main//README.md",
        "/raw/main/folder/%00",
        "/raw/main%00/README.md",
        f"/commit/{hash_of(TOP)}",
        f"/commit/{hash_of(TAG)}",
        f"/tree/{hash_of(TIP)}",
        f"/tree/{MODULE.hex()}",
        f"/blob/{hash_of(TOP)}",
        f"/blob/{'0' * 40}",
    ],
)
async def test_what_is_not_there_is_not_found(rest: RestServer, site: SmallRepo, path: str) -> None:
    """A missing path, a folder, a submodule and an id of another kind are 404 in an envelope that nobody keeps."""
    answered = await rest.ask("GET", "/repos/site" + path)
    assert (answered.status_code, error(answered.json())) == (404, (10200, None))
    assert answered.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("path", ["/log", f"/commit/{hash_of(TIP)}", "/file?path=a", "/raw/main/a"])
async def test_an_unknown_repo_is_not_found(rest: RestServer, path: str) -> None:
    """A repo that is not there has no log and no files."""
    answered = await rest.ask("GET", "/repos/nothing" + path)
    assert (answered.status_code, error(answered.json())) == (404, (10200, None))


async def test_bytes_are_not_sent_twice(rest: RestServer, site: SmallRepo) -> None:
    """Who has the bytes is told so; a branch that moves on has others."""
    tag = f'"{hash_of(README)}"'
    for path in ("/raw/main/README.md", "/file?path=README.md", f"/blob/{hash_of(README)}"):
        answered = await rest.ask("GET", "/repos/site" + path, headers={"if-none-match": tag})
        assert (answered.status_code, answered.content, answered.headers["etag"]) == (304, b"", tag)
    await site.push([], {b"refs/heads/main": oid_of(OLD)})
    answered = await rest.ask("GET", "/repos/site/raw/main/README.md", headers={"if-none-match": tag})
    assert (answered.status_code, answered.headers["etag"]) == (200, f'"{hash_of(EMPTY)}"')


async def test_a_part_is_sent(rest: RestServer, site: SmallRepo) -> None:
    """A range is sent as one, and one beyond the end is refused in an envelope."""
    url = "/repos/site/file?path=README.md"
    answered = await rest.ask("GET", url, headers={"range": "bytes=2-4"})
    assert (answered.status_code, answered.content) == (206, b"Hel")
    assert answered.headers["content-range"] == "bytes 2-4/8"
    answered = await rest.ask("GET", url, headers={"range": "bytes=8-"})
    assert (answered.status_code, error(answered.json())) == (416, (10100, None))
    assert answered.headers["content-range"] == "bytes */8"


async def test_a_large_blob_is_streamed(rest: RestServer, site: SmallRepo) -> None:
    """A blob of some megabytes comes whole and in part, as exactly its bytes."""
    large = zlib.compress(bytes(1 << 20), 0) * 3
    top = tree({b"large": blob(large)})
    await site.push([blob(large), top, commit(top)], {b"refs/heads/large": oid_of(commit(top))}, stored=True)
    answered = await rest.ask("GET", "/repos/site/raw/large/large")
    assert answered.content == large
    assert answered.headers["content-length"] == str(len(large))
    part = await rest.ask("GET", "/repos/site/raw/large/large", headers={"range": "bytes=-1500000"})
    assert (part.status_code, part.content) == (206, large[-1_500_000:])


async def test_a_commit_in_another_encoding_is_read(rest: RestServer, site: SmallRepo) -> None:
    """A commit is shown in the encoding that it names, and what is broken in it is replaced."""
    head = b"tree %b\nauthor J\xf6rg <j@x> 1 +0000\ncommitter <x@x> 2 +0000\n" % hash_of(TOP).encode()
    latin = (ObjectKind.COMMIT, head + b"encoding ISO-8859-1\n\ngr\xfc\xdfe\n")
    broken = (ObjectKind.COMMIT, head + b"\ngr\xfc\xdfe\n")
    for name, made in ((b"refs/heads/latin", latin), (b"refs/heads/broken", broken)):
        await site.push([made], {name: oid_of(made)})
    shown = await result(rest, f"/commit/{hash_of(latin)}")
    assert (shown["author"]["name"], shown["message"], shown["authoredAt"]) == ("Jörg", "grüße", 1)
    shown = (await result(rest, "/log?ref=broken"))[0]
    assert (shown["author"]["name"], shown["message"]) == ("J\ufffdrg", "gr\ufffd\ufffde")
    assert (shown["committer"], shown["committedAt"]) == ({"name": "", "email": "x@x"}, 2)


async def test_the_document_describes_the_reads(rest: RestServer) -> None:
    """The OpenAPI document has the parameters, headers and answers of every read, and HEAD where bytes are sent."""
    document = (await rest.http.get("/openapi.json")).json()
    under = "/client/v4/accounts/{account_id}/artifacts/namespaces/{namespace}/repos/{name}"
    bytes_at = {"/blob/{sha}", "/file", "/raw/{ref}/{path}"}
    for path in ("/log", "/commit/{sha}", "/tree/{sha}", *bytes_at):
        described = document["paths"][under + path]
        assert set(described) == ({"get", "head"} if path in bytes_at else {"get"})
    raw = document["paths"][under + "/raw/{ref}/{path}"]["get"]
    assert {"Range", "If-Range", "If-None-Match", "ref", "path"} <= {row["name"] for row in raw["parameters"]}
    assert {"200", "206", "304", "404", "409", "413", "416"} <= set(raw["responses"])
    assert "text/plain; charset=utf-8" in raw["responses"]["200"]["content"]
    log = document["paths"][under + "/log"]["get"]
    limit = next(row for row in log["parameters"] if row["name"] == "limit")
    assert (limit["schema"]["minimum"], limit["schema"]["default"]) == (1, 50)
