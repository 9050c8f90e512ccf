"""Repos and objects in memory for the tests of what a push does."""

from collections.abc import Iterable, Mapping

from treehold.catalog.base import Ref, RepoRow, RepoState
from treehold.engine.reachable import OidSet
from treehold.engine.view import RepoView
from treehold.ids import AccountId, Milliseconds, ObjectId, ObjectKind, RefName, RepoId
from treehold.objects.commit import Commit, encode_commit
from treehold.objects.hash import hash_object
from treehold.objects.tree import MODE_FILE, TreeEntry, encode_tree
from treehold.packs.build import build_pack
from treehold.packs.read import OpenPack, PackSet

MAIN = RefName(b"refs/heads/main")
TOPIC = RefName(b"refs/heads/topic")

Object = tuple[ObjectKind, bytes]


def oid_of(item: Object) -> ObjectId:
    return hash_object(*item)


def blob(data: bytes) -> Object:
    return ObjectKind.BLOB, data


def tree(**files: Object) -> Object:
    entries = [TreeEntry(MODE_FILE, name.encode(), oid_of(item)) for name, item in files.items()]
    return ObjectKind.TREE, encode_tree(entries)


def commit(top: Object, *parents: Object, at: int = 1000) -> Object:
    person = b"A Tester <a@example.com> %d +0000" % at
    ids = tuple(oid_of(parent) for parent in parents)
    return ObjectKind.COMMIT, encode_commit(Commit(oid_of(top), ids, person, person, b"Change\n"))


def tag(target: Object, name: bytes = b"v1") -> Object:
    lines = b"object %b\ntype %b\ntag %b\ntagger A <a@example.com> 1 +0000\n\nx\n"
    return ObjectKind.TAG, lines % (oid_of(target).hex().encode(), target[0].word, name)


def line(*contents: bytes, start: int = 1000) -> list[Object]:
    """A line of commits, a second apart, each with one file; blob, tree and commit of each in turn."""
    objects: list[Object] = []
    for number, content in enumerate(contents):
        top = tree(file=blob(content))
        objects += [blob(content), top, commit(top, *objects[-1:], at=start + number)]
    return objects


def view(
    objects: Iterable[Object] = (),
    *,
    refs: Mapping[RefName, Object] | None = None,
    visible: Iterable[Object] | None = None,
) -> RepoView:
    """A repo with these objects in one pack; inexact if only some of them are visible."""
    row = RepoRow(
        id=RepoId("0123456789abcdef"),
        account=AccountId("acme"),
        namespace="default",
        name="repo",
        description=None,
        default_branch="main",
        read_only=False,
        source=None,
        generation=1,
        exact=visible is None,
        anchor=0,
        origin=0,
        size_bytes=0,
        object_count=0,
        created_at=Milliseconds(1),
        updated_at=Milliseconds(1),
        last_push_at=None,
    )
    state = RepoState(repo=row, refs={name: Ref(oid_of(item)) for name, item in (refs or {}).items()}, packs=())
    pack, index = build_pack(objects)
    stored = PackSet([OpenPack(pack, index)])
    return RepoView(state=state, stored=stored, visible=stored if visible is None else OidSet(map(oid_of, visible)))
