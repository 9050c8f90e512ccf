"""Our packs and object checks beside real git, over a real history."""

import subprocess
from collections.abc import Iterator
from hashlib import sha1
from mmap import ACCESS_READ, mmap
from pathlib import Path

import pytest

from treehold.errors import MalformedObject
from treehold.ids import ObjectId, ObjectKind
from treehold.objects.check import check_object
from treehold.objects.commit import commit_links, committer_time, encode_commit, parse_commit
from treehold.objects.links import object_links
from treehold.objects.tag import encode_tag, parse_tag
from treehold.objects.tree import encode_tree, iter_tree, raw_entries
from treehold.packs.concatenate import Concatenation, PackPart, shifts
from treehold.packs.git_index import from_git_index, to_git_index
from treehold.packs.index import PackIndex, merge_indexes
from treehold.packs.read import OpenPack, PackSet
from treehold.packs.resolve import ResolvedObject, no_base, resolve_pack
from treehold.packs.rewrite import place_entries, plan_rewrite
from treehold.packs.scan import scan_pack

BUNDLE = Path(__file__).parents[2] / ".." / "shared" / "data" / "flask.bundle"
SHARES = 7

pytestmark = pytest.mark.skipif(not BUNDLE.exists(), reason="the history to compare with is not here")


def git(folder: Path, *arguments: str, stdin: bytes = b"", ok: bool = True) -> bytes:
    """What git prints, errors included where it may fail."""
    done = subprocess.run(
        ["git", "-C", str(folder), *arguments], input=stdin, capture_output=True, check=ok, timeout=300
    )
    return done.stdout if ok else done.stdout + done.stderr


@pytest.fixture(scope="module")
def flask(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bare clone of the history, in one pack."""
    folder = tmp_path_factory.mktemp("git") / "flask.git"
    git(folder.parent, "clone", "--quiet", "--mirror", str(BUNDLE.resolve()), folder.name)
    git(folder, "repack", "-adq")
    return folder


@pytest.fixture(scope="module")
def pack_path(flask: Path) -> Path:
    """Its pack."""
    (path,) = (flask / "objects" / "pack").glob("*.pack")
    return path


@pytest.fixture(scope="module")
def resolved(pack_path: Path) -> list[ResolvedObject]:
    """Every object of it, by our reading."""
    return resolve_pack(scan_pack(pack_path.read_bytes()), external_base=no_base)


@pytest.fixture(scope="module")
def index(resolved: list[ResolvedObject]) -> PackIndex:
    """Its index, by our reading."""
    return PackIndex.build((item.oid, item.entry.crc, item.entry.offset) for item in resolved)


def test_our_index_is_that_of_git(index: PackIndex, pack_path: Path) -> None:
    """Our index of a real pack, in git's form, equals git's byte for byte, and git's is read as ours."""
    theirs = pack_path.with_suffix(".idx").read_bytes()
    assert to_git_index(index, pack_path.read_bytes()[-20:]) == theirs
    assert from_git_index(theirs).encode() == index.encode()


def cat_file(folder: Path, oids: list[ObjectId]) -> Iterator[tuple[bytes, bytes]]:
    """Kind and bytes of each object, by git."""
    asked = "".join(f"{oid.hex()}\n" for oid in oids).encode()
    output = memoryview(git(folder, "cat-file", "--batch", stdin=asked))
    pos = 0
    for _ in oids:
        header = bytes(output[pos : pos + 100]).partition(b"\n")[0]
        _, kind, size = header.split()
        pos += len(header) + 1
        yield kind, bytes(output[pos : pos + int(size)])
        pos += int(size) + 1


def test_every_object_is_that_of_git(flask: Path, pack_path: Path, index: PackIndex) -> None:
    """All objects read from the mapped pack are those of git cat-file, with their kinds and sizes."""
    oids = list(index.oids())
    with pack_path.open("rb") as file, mmap(file.fileno(), 0, access=ACCESS_READ) as mapped:
        packs = PackSet([OpenPack(mapped, index)])
        for oid, (kind, data) in zip(oids, cat_file(flask, oids), strict=True):
            found = packs.read(oid)
            assert (found[0].word, found[1]) == (kind, data)
            assert (packs.size(oid), packs.kind(oid)) == (len(data), found[0])
        del packs


def test_every_object_is_well_formed_and_survives(resolved: list[ResolvedObject]) -> None:
    """The check takes every object of a real history, its links are there, and writing it again changes nothing."""
    known = {item.oid for item in resolved}
    for item in resolved:
        check_object(item.kind, item.data)
        assert known.issuperset(oid for _, oid in object_links(item.kind, item.data))
        if item.kind is ObjectKind.COMMIT:
            assert encode_commit(parse_commit(item.data)) == item.data
        elif item.kind is ObjectKind.TAG:
            assert encode_tag(parse_tag(item.data)) == item.data
        elif item.kind is ObjectKind.TREE and not any(mode[:1] == b"0" for mode, _, _ in raw_entries(item.data)):
            assert encode_tree(iter_tree(item.data)) == item.data


def test_walks_see_what_git_log_sees(flask: Path, resolved: list[ResolvedObject]) -> None:
    """Tree, parents and time of every commit are those that git log prints."""
    lines = git(flask, "log", "--all", "--format=%H %T %ct %P").decode().splitlines()
    commits = {item.oid.hex(): item.data for item in resolved if item.kind is ObjectKind.COMMIT}
    for line in lines:
        oid, tree, seconds, *parents = line.split()
        found_tree, found_parents = commit_links(commits[oid])
        assert (found_tree.hex(), [parent.hex() for parent in found_parents]) == (tree, parents)
        assert committer_time(commits[oid]) == int(seconds)


def test_split_and_joined_packs_are_taken_by_git(
    flask: Path, pack_path: Path, index: PackIndex, tmp_path: Path
) -> None:
    """A real pack, split into disjoint thin packs and concatenated, is one that git indexes and finds sound."""
    pack = pack_path.read_bytes()
    entries = place_entries(pack, index)
    plans = [
        plan_rewrite(pack, [entry for entry in entries if entry.oid[0] % SHARES == share]) for share in range(SHARES)
    ]
    packs = [plan.join(pack) for plan in plans]
    parts = [PackPart(len(made), len(plan.index)) for made, plan in zip(packs, plans, strict=True)]
    joined = Concatenation(parts)
    bodies = [made[part.body] for made, part in zip(packs, parts, strict=True)]
    for body in bodies:
        joined.feed(body)
    whole = b"".join([joined.header, *bodies, joined.trailer()])
    assert len(whole) == joined.size_bytes

    git(tmp_path, "init", "--quiet", "--bare", "joined.git")
    folder = tmp_path / "joined.git"
    name = git(folder, "index-pack", "--strict=zeroPaddedFilemode=ignore", "--stdin", stdin=whole).split()[-1].decode()
    theirs = (folder / "objects" / "pack" / f"pack-{name}.idx").read_bytes()
    merged = merge_indexes([(plan.index, shift) for plan, shift in zip(plans, shifts(parts), strict=True)])
    assert to_git_index(merged, whole[-20:]) == theirs
    refs = git(flask, "for-each-ref", "--format=create %(refname) %(objectname)")
    git(folder, "update-ref", "--stdin", stdin=refs)
    git(folder, "fsck", "--no-dangling")
    assert list(merged.oids()) == list(index.oids())

    thin = PackSet([OpenPack(made, plan.index) for made, plan in zip(packs, plans, strict=True)])
    sample = list(index.oids())[::13]
    for oid, (kind, data) in zip(sample, cat_file(flask, sample), strict=True):
        found = thin.read(oid)
        assert (found[0].word, found[1]) == (kind, data)


EMPTY_TREE = b"4b825dc642cb6eb9a060e54bf8d69288fbee4904"
WHO = b"A <a@x> 5 +0000"
COMMIT = b"tree %b\nauthor %b\ncommitter %b\n\nm\n"
BLOB = bytes.fromhex("e69de29bb2d1d6434b8b29ae775ad8c2e48c5391")
TAG = b"object %b\ntype tree\ntag v1\ntagger %b\n\nm\n"


def tree(*names: bytes, mode: bytes = b"100644", oid: bytes = BLOB) -> bytes:
    """A tree of such entries, unsorted."""
    return b"".join(mode + b" " + name + b"\0" + oid for name in names)


BAD_OBJECTS = [
    *[
        ("commit", COMMIT % (EMPTY_TREE, author, WHO))
        for author in (
            b"<a@x> 5 +0000", b"A> <a@x> 5 +0000", b"A a@x 5 +0000", b"A<a@x> 5 +0000", b"A <a@x 5 +0000",
            b"A <a<@x> 5 +0000", b"A <a@x>5 +0000", b"A <a@x>", b"A <a@x> 05 +0000", b"A <a@x> x +0000", b"A <a@x> 5",
            b"A <a@x> 9223372036854775808 +0000", b"A <a@x> 99999999999999999999999 +0000", b"A <a@x> 5 0000",
            b"A <a@x> 5 +00000", b"A <a@x> 5 +00 ", b"",
        )
    ],
    ("commit", b"author %b\ncommitter %b\n\n" % (WHO, WHO)),
    ("commit", b"tree 12\nauthor %b\ncommitter %b\n\n" % (WHO, WHO)),
    ("commit", b"tree %b\nparent 1\nauthor %b\ncommitter %b\n\n" % (EMPTY_TREE, WHO, WHO)),
    ("commit", b"tree %b\ncommitter %b\n\n" % (EMPTY_TREE, WHO)),
    ("commit", b"tree %b\nauthor %b\n\n" % (EMPTY_TREE, WHO)),
    ("commit", b"tree %b\nauthor %b\nauthor %b\ncommitter %b\n\n" % (EMPTY_TREE, WHO, WHO, WHO)),
    ("commit", b"tree %b\nauthor %b\ncommitter %b\nx \0\n\n" % (EMPTY_TREE, WHO, WHO)),
    ("commit", b"tree %b\nauthor %b\ncommitter %b" % (EMPTY_TREE, WHO, WHO)),
    *[
        ("tree", tree(name))
        for name in (
            b".", b"..", b".git", b".GIT", b".git.", b".git ", b"git~1", b"GIT~1", b".git:x", b"a\\.git", b".git\\a",
            ".g\u200cit".encode(), ".git\ufeff".encode(), b".git\xff", b"a/b", b"/", b"",
        )
    ],
    ("tree", tree(b"b", b"a")),
    ("tree", tree(b"a", b"a")),
    ("tree", tree(b"a") + tree(b"a.b") + tree(b"a", mode=b"40000", oid=bytes.fromhex(EMPTY_TREE.decode()))),
    ("tree", tree(b"a", oid=bytes(20))),
    ("tree", tree(b"a")[:-1]),
    ("tree", tree(b"a", mode=b"9")),
    *[
        ("tree", tree(name, mode=b"120000"))
        for name in (
            b".gitmodules", b".GITMODULES", b".gitmodules ", b"gitmod~1", b"gi7eba~1", b"gi7eb~10", b"~1000000",
            b".gitmodules:x", b"x\\.gitmodules", ".gitmodu\u200cles".encode(),
        )
    ],
    ("tag", b"tag v1\n\n"),
    ("tag", b"object 12\ntype tree\ntag v1\n\n"),
    ("tag", b"object %b\ntag v1\n\n" % EMPTY_TREE),
    ("tag", b"object %b\ntype thing\ntag v1\n\n" % EMPTY_TREE),
    ("tag", b"object %b\ntype tree\n\n" % EMPTY_TREE),
    ("tag", TAG % (EMPTY_TREE, b"<a@x> 5 +0000")),
]  # fmt: skip

GOOD_OBJECTS = [
    ("commit", COMMIT % (EMPTY_TREE, WHO, WHO)),
    ("commit", COMMIT % (EMPTY_TREE, b" <> 0 -0000", WHO)),
    ("commit", COMMIT % (EMPTY_TREE, b"A <a@x> 9223372036854775807 +0000", WHO)),
    ("commit", b"tree %b\nauthor %b\ncommitter %b\n" % (EMPTY_TREE, WHO, WHO)),
    ("commit", b"tree %b\nauthor %b\ncommitter %b\n\n\0" % (EMPTY_TREE, WHO, WHO)),
    *[
        ("tree", tree(name))
        for name in (
            b"git", b".gitignore", b".gitmodules", b"..git", b"git~2", b"git~10", b"x.git", b".gi", b"\xff.git", b"...",
            "\u200c".encode(), b"agit~1", b" .git", b"gi7eb~1", b"a\\b", b"\xff",
        )
    ],
    ("tree", tree(b"gitmod~5", mode=b"120000")),
    ("tree", tree(b"gi7eb~1", mode=b"120000")),
    ("tree", tree(b"a", mode=b"0100644")),
    ("tree", tree(b"a", mode=b"100600")),
    ("tag", TAG % (EMPTY_TREE, WHO)),
    ("tag", b"object %b\ntype tree\ntag v1\n\n" % EMPTY_TREE),
    ("tag", b"object %b\ntype tree\ntag v..1\ntagger %b\n\n" % (EMPTY_TREE, WHO)),
]  # fmt: skip

SAID_OTHERWISE = {"emptyName": "badTree"}
"""git's fsck has an id for empty names, but its tree reader gives up on them before."""


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repo for single objects."""
    folder = tmp_path_factory.mktemp("scratch")
    git(folder, "init", "--quiet", "--bare", ".")
    git(folder, "hash-object", "-w", "--stdin")
    git(folder, "hash-object", "-w", "-t", "tree", "--stdin")
    return folder


def fsck(folder: Path, kind: str, data: bytes) -> str:
    """What git fsck says of one object, its kind of complaint and id included."""
    oid = git(folder, "hash-object", "-t", kind, "--literally", "-w", "--stdin", stdin=data).decode().strip()
    said = git(folder, "fsck", "--no-dangling", "--no-reflogs", oid, ok=False).decode("utf-8", "replace")
    loose = folder / "objects" / oid[:2] / oid[2:]
    loose.unlink()
    assert oid == sha1(f"{kind} {len(data)}\0".encode() + data).hexdigest()
    return said


@pytest.mark.parametrize(("kind", "data"), BAD_OBJECTS)
def test_what_git_refuses_is_refused(kind: str, data: bytes, scratch: Path) -> None:
    """Each object that git fsck complains of is refused, by the id that git fsck says, unless it cannot read it."""
    said = fsck(scratch, kind, data)
    with pytest.raises(MalformedObject) as caught:
        check_object(ObjectKind[kind.upper()], data)
    msg_id = SAID_OTHERWISE.get(caught.value.msg_id, caught.value.msg_id)
    if "object could not be parsed" not in said:
        assert f" in {kind} " in said
        assert f": {msg_id}: " in said


@pytest.mark.parametrize(("kind", "data"), GOOD_OBJECTS)
def test_what_git_takes_is_taken(kind: str, data: bytes, scratch: Path) -> None:
    """Each object in which git fsck sees no error is taken."""
    assert f"error in {kind} " not in fsck(scratch, kind, data)
    check_object(ObjectKind[kind.upper()], data)
