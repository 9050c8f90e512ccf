"""The repos that are measured: small ones made object by object, and a middle-sized one made by git."""

import random
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final

from bench.wire import clean_environment
from treehold.ids import ObjectId, ObjectKind
from treehold.objects.commit import Commit, encode_commit
from treehold.objects.hash import hash_object
from treehold.objects.tree import MODE_FILE, TreeEntry, encode_tree
from treehold.packs.build import build_pack

BUNDLE: Final = Path(__file__).resolve().parents[2] / "shared" / "data" / "flask.bundle"
MAIN: Final = b"refs/heads/main"
FILES: Final = 10
_WORDS: Final = [f"word{number}" for number in range(500)]
_PERSON: Final = b"A Writer <writer@example.com> %d +0000"
_START_SECONDS: Final = 1_700_000_000
_PIECE: Final = 9_000
_FILES_A_COMMIT: Final = 10
_FOLDERS: Final = 40


@dataclass(frozen=True)
class Step:
    """One commit and the objects that came with it."""

    commit: ObjectId
    objects: Sequence[tuple[ObjectKind, bytes]]

    @cached_property
    def pack(self) -> bytes:
        """Its objects as a pack."""
        return build_pack(self.objects)[0]


class SmallRepo:
    """Ten files of about 1 KB and a line of commits, each of which changes one file. The seed decides everything."""

    def __init__(self, seed: int, *, commits: int) -> None:
        self._random = random.Random(seed)
        self._seed = seed
        self._files: dict[bytes, ObjectId] = {}
        first = [self._write(number) for number in range(FILES)]
        self.steps = [self._commit(first, ())]
        while len(self.steps) < commits:
            self.grow()

    def grow(self) -> Step:
        """One more commit."""
        changed = self._write(self._random.randrange(FILES))
        self.steps.append(self._commit([changed], (self.steps[-1].commit,)))
        return self.steps[-1]

    @property
    def commits(self) -> list[ObjectId]:
        """The ids of the commits, oldest first."""
        return [step.commit for step in self.steps]

    def pack(self) -> bytes:
        """All of it as one pack."""
        return build_pack(row for step in self.steps for row in step.objects)[0]

    def _write(self, number: int) -> tuple[ObjectKind, bytes]:
        data = " ".join(self._random.choices(_WORDS, k=150)).encode("ascii")
        self._files[b"file-%d.txt" % number] = hash_object(ObjectKind.BLOB, data)
        return ObjectKind.BLOB, data

    def _commit(self, blobs: list[tuple[ObjectKind, bytes]], parents: tuple[ObjectId, ...]) -> Step:
        tree = encode_tree(TreeEntry(MODE_FILE, name, oid) for name, oid in self._files.items())
        number = len(self.steps) if parents else 0
        person = _PERSON % (_START_SECONDS + self._seed + 60 * number)
        message = b"Change %d of repo %d\n" % (number, self._seed)
        data = encode_commit(Commit(hash_object(ObjectKind.TREE, tree), parents, person, person, message))
        objects = [(ObjectKind.COMMIT, data), (ObjectKind.TREE, tree), *blobs]
        return Step(hash_object(ObjectKind.COMMIT, data), objects)


def git(folder: Path, *arguments: str, data: bytes | None = None) -> bytes:
    """Run git there, without the machine's configuration, and answer what it printed."""
    command = ["git", *arguments]
    return subprocess.run(
        command, cwd=folder, env=clean_environment(), input=data, stdout=subprocess.PIPE, check=True
    ).stdout


def write_bare(folder: Path, repo: SmallRepo) -> None:
    """The repo as a bare repository in that folder, in one pack."""
    folder.mkdir(parents=True)
    git(folder, "init", "-q", "--bare", "--initial-branch=main")
    git(folder, "index-pack", "--stdin", data=repo.pack())
    git(folder, "update-ref", MAIN.decode("ascii"), repo.steps[-1].commit.hex())


def write_middle(folder: Path, *, megabytes: int) -> None:
    """A bare repository of about that size in that folder: generated commits, and a real history where there is one.

    Generated files are hex digits, which deflate to half and make no good deltas: their bytes are the bulk.
    """
    folder.mkdir(parents=True)
    git(folder, "init", "-q", "--bare", "--initial-branch=main")
    commits = max(10, megabytes * 2_000_000 // (_PIECE * _FILES_A_COMMIT))
    with subprocess.Popen(
        ["git", "fast-import", "--quiet"], cwd=folder, env=clean_environment(), stdin=subprocess.PIPE
    ) as importer:
        assert importer.stdin is not None
        for piece in _fast_import(commits):
            importer.stdin.write(piece)
    if importer.returncode:
        raise subprocess.CalledProcessError(importer.returncode, "git fast-import")
    if BUNDLE.exists():
        git(folder, "fetch", "-q", str(BUNDLE), "refs/heads/*:refs/heads/real/*", "refs/tags/*:refs/tags/*")
    git(folder, "-c", "repack.writeBitmaps=false", "-c", "gc.auto=0", "repack", "-adq")


def write_flask(folder: Path) -> None:
    """The real history as a bare repository in that folder."""
    git(folder.parent, "clone", "-q", "--mirror", str(BUNDLE), str(folder))


def refs_of(folder: Path) -> dict[bytes, ObjectId]:
    """The refs of a bare repository, HEAD left out."""
    lines = git(folder, "for-each-ref", "--format=%(objectname) %(refname)").splitlines()
    return {name: ObjectId(bytes.fromhex(oid.decode("ascii"))) for oid, name in (line.split(b" ") for line in lines)}


def first_parents(folder: Path, revision: str, count: int) -> list[ObjectId]:
    """The newest commits on the first-parent line of a revision, newest first."""
    listed = git(folder, "rev-list", "--first-parent", f"--max-count={count}", revision).decode("ascii")
    return [ObjectId(bytes.fromhex(line)) for line in listed.split()]


def tag_commits(folder: Path) -> list[ObjectId]:
    """The commits that tags point at, each once, newest tag first; refs themselves, so any client may want them."""
    listed = git(folder, "for-each-ref", "--sort=-creatordate", "--format=%(objecttype) %(objectname)", "refs/tags")
    rows = [line.split() for line in listed.decode("ascii").splitlines()]
    return list(dict.fromkeys(ObjectId(bytes.fromhex(oid)) for kind, oid in rows if kind == "commit"))


def _fast_import(commits: int) -> Iterator[bytes]:
    generator = random.Random(1)
    for number in range(commits):
        lines = [
            b"commit refs/heads/main\n",
            b"committer " + _PERSON % (_START_SECONDS + number) + b"\ndata 7\nCommit\n\n",
        ]
        for _ in range(_FILES_A_COMMIT):
            path = f"folder-{generator.randrange(_FOLDERS)}/file-{generator.randrange(200)}.txt"
            text = generator.randbytes(generator.randrange(_PIECE)).hex()
            lines.append(f"M 100644 inline {path}\ndata {len(text)}\n{text}\n".encode("ascii"))
        yield b"".join(lines)
    yield b"done\n"
