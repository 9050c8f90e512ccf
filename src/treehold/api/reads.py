"""Routes that read a repo without Git: log, commits, trees, blobs, files."""

import re
from collections.abc import Callable, Coroutine
from typing import Annotated, Any, Final
from urllib.parse import parse_qsl, unquote_to_bytes

from fastapi import APIRouter, Path, Query
from starlette.requests import Request
from starlette.responses import Response

from treehold.api.answers import answer, failure
from treehold.api.bytes import IMMUTABLE, OCTETS, REVALIDATED, TEXT, safe_type, send_blob
from treehold.api.documented import (
    BAD_HASH,
    BAD_LIMIT,
    BAD_PATH,
    BAD_RANGE,
    FAILURES,
    IMPORTING,
    IN_NAMESPACE,
    LARGE_OBJECT,
    NO_FILE,
    NO_OBJECT,
    NO_REPO,
    NamespaceInPath,
    RepoInPath,
    Sha,
    refusals,
)
from treehold.api.route import Route
from treehold.api.visit import Reader, Visit
from treehold.engine import log, read
from treehold.engine.advertise import HEAD
from treehold.engine.log import LogEntry, LogWish
from treehold.engine.read import RepoReader
from treehold.errors import InvalidInput, LimitExceeded, NotFound
from treehold.ids import ObjectId, ObjectKind
from treehold.objects.readable import ReadablePerson
from treehold.objects.tree import MODE_SYMLINK, TYPE_MASK, kind_of_mode
from treehold.objects.tree import TreeEntry as StoredEntry
from treehold.schema.envelope import Success
from treehold.schema.fields import PATH_MAX
from treehold.schema.queries import FileQuery, LogQuery
from treehold.schema.rows import Commit, Person, TreeEntry

MEMORY_LIMIT = 10402
_HASH: Final = re.compile("[0-9a-fA-F]{40}")
_RAW_PATH: Final = re.compile(rb"/namespaces/[^/]+/repos/[^/]+/raw/([^/]+)/(.+)", re.DOTALL)
_ETAG: Final = '"4b825dc642cb6eb9a060e54bf8d69288fbee4904"'
_TEXT: Final = {"type": "string"}
_CONDITIONS: Final = (
    ("Range", "One range of bytes; anything else is answered with the whole", "bytes=0-1023"),
    ("If-Range", "The range only if they are still these, else the whole", _ETAG),
    ("If-None-Match", "Nothing if they are still these", _ETAG),
)
_ETAG_HEADER: Final = {
    "description": "The object's id, in quotes",
    "required": True,
    "schema": {"type": "string", "pattern": '^"[0-9a-f]{40}"$'},
}
_EXECUTABLE_BITS: Final = 0o111
RefInPath = Annotated[
    str,
    Path(
        description="As in `/file`; a slash within it is spelled `%2F`",
        examples=["main"],
        json_schema_extra={"minLength": 1, "maxLength": PATH_MAX},
    ),
]
FileInPath = Annotated[
    str,
    Path(
        description="From the top of the tree",
        examples=["src/main.py"],
        json_schema_extra={"minLength": 1, "maxLength": PATH_MAX},
    ),
]


class ReadRoute(Route):
    """A route whose answer may be too large to be made."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """What answers a request, or says that no answer of that size is made."""
        handle = super().get_route_handler()

        async def within_memory(request: Request) -> Response:
            try:
                return await handle(request)
            except LimitExceeded as error:
                return failure(413, MEMORY_LIMIT, str(error))

        return within_memory


router = APIRouter(
    prefix=IN_NAMESPACE + "/repos/{name}",
    tags=["reads"],
    responses={**FAILURES, **refusals(IMPORTING, LARGE_OBJECT)},
    route_class=ReadRoute,
)
_OF_HASH: Final = refusals(BAD_HASH, NO_REPO, NO_OBJECT)
_OF_BYTES: Final = refusals(BAD_HASH, NO_REPO, NO_OBJECT, BAD_RANGE)
_OF_RAW: Final = refusals(NO_REPO, NO_FILE, BAD_RANGE)
_RAW_TYPES: Final = (TEXT, "image/*", OCTETS)
_OF_FILE: Final = refusals(BAD_PATH, NO_REPO, NO_FILE, BAD_RANGE)


def _sends(*media_types: str) -> dict[str, Any]:
    """Say that a route sends bytes of these types, whole or in part."""
    content = {media_type: {"schema": {"type": "string", "format": "binary"}} for media_type in media_types}
    asked = [
        {"name": name, "in": "header", "required": False, "description": about, "schema": _TEXT, "example": example}
        for name, about, example in _CONDITIONS
    ]
    kept = {"headers": {"ETag": _ETAG_HEADER}}
    answers: dict[str, Any] = {
        "200": {"description": "The bytes; `ETag` is their object's id", "content": content, **kept},
        "206": {"description": "The range of them that was asked for", "content": content, **kept},
        "304": {"description": "The client has them", **kept},
    }
    return {"responses": answers, "parameters": asked}


@router.get("/log", response_model=Success[list[Commit]], responses=refusals(BAD_LIMIT, NO_REPO))
async def list_log(
    namespace: NamespaceInPath, name: RepoInPath, visit: Reader, asked: Annotated[LogQuery, Query()]
) -> Response:
    """List commits, newest first, along the first parents; none for an unknown ref."""
    repo = await _open(visit, namespace, name)
    ref, path = _asked_bytes(visit.request, asked)
    wish = LogWish(ref=ref, path=path.removesuffix(b"/") or None, limit=asked.rows(), offset=asked.offset)
    found = await log.list_log(visit.engine, repo, wish)
    return answer(Success[list[Commit]](result=[_commit(entry) for entry in found]))


@router.get("/commit/{sha}", response_model=Success[Commit], responses=_OF_HASH)
async def get_commit(namespace: NamespaceInPath, name: RepoInPath, sha: Sha, visit: Reader) -> Response:
    """Show a commit."""
    oid = _oid(sha)
    found = await read.read_commit(await _open(visit, namespace, name), oid)
    return _immutable(answer(Success[Commit](result=_commit((oid, found)))))


@router.get("/tree/{sha}", response_model=Success[list[TreeEntry]], responses=_OF_HASH)
async def get_tree(namespace: NamespaceInPath, name: RepoInPath, sha: Sha, visit: Reader) -> Response:
    """List what a tree holds, in Git's order."""
    oid = _oid(sha)
    found = await read.read_tree(await _open(visit, namespace, name), oid)
    return _immutable(answer(Success[list[TreeEntry]](result=[_tree_entry(entry) for entry in found])))


@router.head("/blob/{sha}", response_class=Response, responses=_OF_BYTES, openapi_extra=_sends(OCTETS))
@router.get("/blob/{sha}", response_class=Response, responses=_OF_BYTES, openapi_extra=_sends(OCTETS))
async def get_blob(namespace: NamespaceInPath, name: RepoInPath, sha: Sha, visit: Reader) -> Response:
    """The bytes of a blob."""
    oid = _oid(sha)
    blob = await read.find_blob(await _open(visit, namespace, name), oid)
    return await send_blob(visit.request, blob, caching=IMMUTABLE)


@router.head("/file", response_class=Response, responses=_OF_FILE, openapi_extra=_sends(OCTETS))
@router.get("/file", response_class=Response, responses=_OF_FILE, openapi_extra=_sends(OCTETS))
async def get_file(
    namespace: NamespaceInPath, name: RepoInPath, visit: Reader, asked: Annotated[FileQuery, Query()]
) -> Response:
    """The bytes of a file, by its path in a commit."""
    ref, path = _asked_bytes(visit.request, asked)
    blob = await read.find_file(await _open(visit, namespace, name), ref, path)
    return await send_blob(visit.request, blob, caching=REVALIDATED)


@router.head("/raw/{ref}/{path:path}", response_class=Response, responses=_OF_RAW, openapi_extra=_sends(*_RAW_TYPES))
@router.get("/raw/{ref}/{path:path}", response_class=Response, responses=_OF_RAW, openapi_extra=_sends(*_RAW_TYPES))
async def get_raw(
    namespace: NamespaceInPath,
    name: RepoInPath,
    ref: RefInPath,
    path: FileInPath,
    visit: Reader,
) -> Response:
    """The bytes of a file for a browser: as an image, as plain text or as mere bytes."""
    # once decoded, nobody could tell a slash of the ref from the one behind it
    sent = _RAW_PATH.search(visit.request.scope["raw_path"])
    if sent is None:
        raise NotFound(f"no file {path[:80]!r} at {ref[:80]!r}")
    repo = await _open(visit, namespace, name)
    blob = await read.find_file(repo, unquote_to_bytes(sent[1]), unquote_to_bytes(sent[2]))
    return await send_blob(visit.request, blob, caching=REVALIDATED, tell_type=safe_type)


async def _open(visit: Visit, namespace: str, name: str) -> RepoReader:
    return await read.open_repo(visit.engine, visit.account, namespace, name)


def _oid(sha: str) -> ObjectId:
    if _HASH.fullmatch(sha) is None:
        raise InvalidInput(f"not an object id of 40 hex digits: {sha[:60]!r}", "/hash")
    return ObjectId(bytes.fromhex(sha))


def _asked_bytes(request: Request, asked: LogQuery | FileQuery) -> tuple[bytes, bytes]:
    """Ref and path as the bytes that they are; the framework's own reader has made text of them."""
    pairs = dict(parse_qsl(request.scope["query_string"].decode("latin-1"), encoding="latin-1"))
    ref = pairs["ref"].encode("latin-1") if asked.ref else HEAD
    return ref, pairs["path"].encode("latin-1") if asked.path else b""


def _immutable(response: Response) -> Response:
    response.headers["cache-control"] = IMMUTABLE
    return response


def _commit(entry: LogEntry) -> Commit:
    oid, found = entry
    return Commit(
        hash=oid.hex(),
        treeHash=found.tree.hex(),
        message=found.message,
        author=_person(found.author),
        committer=_person(found.committer),
        parents=[parent.hex() for parent in found.parents],
        authoredAt=found.author.seconds,
        committedAt=found.committer.seconds,
    )


def _person(person: ReadablePerson) -> Person:
    return Person(name=person.name, email=person.email)


def _tree_entry(entry: StoredEntry) -> TreeEntry:
    kind = kind_of_mode(entry.mode)
    name, mode = entry.name.decode("utf-8", "replace"), f"{entry.mode:o}"
    if kind is ObjectKind.TREE:
        return TreeEntry(name=name, mode=mode, hash=entry.oid.hex(), type="tree")
    if kind is None:
        return TreeEntry(name=name, mode=mode, hash=entry.oid.hex(), type="gitlink")
    if entry.mode & TYPE_MASK == MODE_SYMLINK:
        return TreeEntry(name=name, mode=mode, hash=entry.oid.hex(), type="symlink")
    is_executable = bool(entry.mode & _EXECUTABLE_BITS)
    return TreeEntry(name=name, mode=mode, hash=entry.oid.hex(), type="exec" if is_executable else "blob")
