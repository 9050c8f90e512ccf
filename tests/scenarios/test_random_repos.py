"""Random lives of a family of small repos, each step of which is checked against a model.

The model is one plain git repository that holds every object ever made, and a table of each repo's refs. What a repo
must give out is what its refs reach in the model, no more and no less, whatever its packs share with other repos.
"""

import asyncio
import random
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.live_server import Git, LiveServer, Repo, new_git
from treehold.catalog.base import RepoState
from treehold.catalog.sqlite import SqliteCatalog
from treehold.ids import AccountId
from treehold.packs.index import PackIndex

STEPS = 12
REPOS_MAX = 4
CONTENTS = [f"content {number}\n" * 30 for number in range(4)]
NAMES = ["a", "b", "dir/a", "dir/sub/c"]


@dataclass
class Twin:
    """A repo of the server, the refs that it should have, and a client that fetches from it now and then."""

    repo: Repo
    client: Git
    refs: dict[str, str] = field(default_factory=dict)

    def branches(self) -> list[str]:
        return sorted(name for name in self.refs if name.startswith("refs/heads/"))


@dataclass
class Family:
    """The repos, the model, and the dice."""

    server: LiveServer
    model: Git
    dice: random.Random
    folder: Path
    twins: list[Twin] = field(default_factory=list)
    deeds: Counter[str] = field(default_factory=Counter)

    def step(self) -> None:
        """Do something to some repo that can be done to it."""
        twin = self.dice.choice(self.twins)
        deeds = [self.push, self.push, self.push, self.force, self.delete, self.tag, self.merge, self.fork, self.undo]
        deed = self.dice.choice(deeds)
        deed(twin)
        self.deeds[deed.__name__] += 1

    def push(self, twin: Twin) -> None:
        """A branch grows by a few commits, or begins: from nothing, or from another branch."""
        name = f"refs/heads/{self.dice.choice(['main', 'main', 'side', 'topic'])}"
        start = twin.refs.get(name) or self.dice.choice([None, *twin.refs.values()])
        self.send(twin, name, self.grow(start, self.dice.randint(1, 3)))

    def force(self, twin: Twin) -> None:
        """A branch loses its last commits, and perhaps gets another one."""
        for name in self.dice.sample(twin.branches(), k=min(1, len(twin.refs), len(twin.branches()))):
            line = self.model("rev-list", twin.refs[name]).split()
            target: str | None = self.dice.choice([None, *line[1:3]])
            self.send(twin, name, target if target and self.dice.random() < 0.5 else self.grow(target, 1))

    def undo(self, twin: Twin) -> None:
        """A commit brings back an older tree."""
        for name in twin.branches()[:1]:
            old = self.dice.choice(self.model("rev-list", twin.refs[name]).split())
            tree = self.model("rev-parse", f"{old}^{{tree}}")
            self.send(twin, name, self.model("commit-tree", "-p", twin.refs[name], "-m", "Undo", tree))

    def merge(self, twin: Twin) -> None:
        """A branch is merged into main."""
        names = twin.branches()
        if "refs/heads/main" in names and len(names) > 1:
            other = self.dice.choice([name for name in names if name != "refs/heads/main"])
            parents = [word for name in ("refs/heads/main", other) for word in ("-p", twin.refs[name])]
            tree = self.model("rev-parse", f"{twin.refs[other]}^{{tree}}")
            self.send(twin, "refs/heads/main", self.model("commit-tree", *parents, "-m", "Merge", tree))

    def delete(self, twin: Twin) -> None:
        """A branch or a tag goes."""
        if twin.refs:
            name = self.dice.choice(sorted(twin.refs))
            self.model.showing(twin.repo.token)("push", "-q", twin.repo.remote, f":{name}")
            del twin.refs[name]

    def tag(self, twin: Twin) -> None:
        """A commit gets a tag, of either kind, which may have been elsewhere before."""
        if branches := twin.branches():
            name = f"v{self.dice.randint(1, 2)}"
            target = self.dice.choice(self.model("rev-list", twin.refs[self.dice.choice(branches)]).split())
            if self.dice.random() < 0.6:
                tagger = f"T <t@example.com> {self.dice.randint(1, 10**9)} +0000"
                body = f"object {target}\ntype commit\ntag {name}\ntagger {tagger}\n\nTagged\n"
                target = self.model("mktag", stdin=body.encode())
            self.send(twin, f"refs/tags/{name}", target)

    def fork(self, twin: Twin) -> None:
        """A repo is forked, whole or in part; one that is too many is deleted first."""
        if len(self.twins) == REPOS_MAX:
            gone = self.twins.pop(self.dice.randrange(REPOS_MAX))
            self.server.result("DELETE", f"/repos/{gone.repo.name}")
            if gone is twin:
                return
        part = self.dice.random() < 0.5
        name = f"{self.twins[0].repo.name[:40]}-{self.dice.getrandbits(40):010x}"
        repo, objects = self.server.fork(twin.repo.name, name, default_branch_only=part)
        refs = self.default_part(twin) if part else dict(twin.refs)
        assert objects == len(self.closure(refs.values()))
        self.adopt(repo, refs)

    def default_part(self, twin: Twin) -> dict[str, str]:
        """The refs that a fork of the default branch takes."""
        branches = twin.branches()
        head = "refs/heads/main" if "refs/heads/main" in branches else branches[0] if len(branches) == 1 else None
        if head is None:
            return {}
        reached = self.closure([twin.refs[head]])
        tags = {name: oid for name, oid in twin.refs.items() if name.startswith("refs/tags/")}
        inside = {name: oid for name, oid in tags.items() if self.model("rev-parse", f"{oid}^{{}}") in reached}
        return {head: twin.refs[head], **inside}

    def grow(self, start: str | None, commits: int) -> str:
        """New commits in the model, on top of another or of nothing; their files come from a small choice."""
        tip = start and self.model("rev-parse", f"{start}^{{commit}}")
        for _ in range(commits):
            rows = []
            for name in self.dice.sample(NAMES, k=2):
                data = self.dice.choice(CONTENTS) + f"{self.dice.randint(1, 3)}\n"
                rows.append(f"100644 {self.model('hash-object', '-w', '--stdin', stdin=data.encode())}\t{name}\n")
            self.model("read-tree", *([tip] if tip else ["--empty"]))
            self.model("update-index", "--add", "--index-info", stdin="".join(rows).encode())
            parents = ["-p", tip] if tip else []
            tip = self.model("commit-tree", *parents, "-m", f"{self.dice.random()}", self.model("write-tree"))
        assert tip
        return tip

    def send(self, twin: Twin, name: str, oid: str) -> None:
        """Push from the model."""
        self.model.showing(twin.repo.token)("push", "-q", twin.repo.remote, f"+{oid}:{name}")
        twin.refs[name] = oid

    def closure(self, oids: Iterable[str]) -> set[str]:
        wanted = sorted(set(oids))
        return self.model.reachable(*wanted) if wanted else set()

    def check(self, number: int) -> None:
        """Every repo gives out exactly what it should, and knows of itself what is true."""
        states = asyncio.run(read_catalog(self.server.data_dir, [twin.repo.name for twin in self.twins]))
        for twin, (state, stored) in zip(self.twins, states, strict=True):
            expected = self.closure(twin.refs.values())
            assert {name.decode(): ref.oid.hex() for name, ref in state.refs.items()} == twin.refs
            assert len(stored) == len(set(stored)), "an object is in two packs"
            assert set(stored) >= expected
            if state.repo.exact:
                assert set(stored) == expected, "called exact, and is not"
                assert state.repo.object_count == len(expected)
            self.check_clone(twin, expected, f"{twin.repo.name}-{number}")
            if self.dice.random() < 0.5:
                self.check_increment(twin, expected)

    def check_clone(self, twin: Twin, expected: set[str], name: str) -> None:
        """A new mirror holds exactly what is reachable."""
        git = Git(self.folder, twin.repo.token)
        git("clone", "-q", "--mirror", twin.repo.remote, name, protocol=self.dice.choice([0, 1, 2]))
        clone = Git(self.folder / name)
        clone.fsck()
        assert clone.objects() == expected
        assert clone_refs(clone) == twin.refs

    def check_increment(self, twin: Twin, expected: set[str]) -> None:
        """An old mirror gets all that it lacks, and nothing new that is not reachable."""
        before = twin.client.objects()
        refspec = "+refs/*:refs/*"
        twin.client("fetch", "-q", "-u", "--prune", twin.repo.remote, refspec, protocol=self.dice.choice([0, 1, 2]))
        twin.client.fsck()
        assert twin.client.objects() - before <= expected
        assert twin.client.objects() >= expected
        assert clone_refs(twin.client) == twin.refs

    def adopt(self, repo: Repo, refs: dict[str, str]) -> None:
        """Take in a new repo."""
        self.twins.append(Twin(repo, new_git(self.folder / f"client-of-{repo.name}", repo.token), refs))


def clone_refs(git: Git) -> dict[str, str]:
    return dict(line.split() for line in git("for-each-ref", "--format=%(refname) %(objectname)").splitlines())


async def read_catalog(data_dir: Path, names: Iterable[str]) -> list[tuple[RepoState, list[str]]]:
    """Each repo's state and the ids of the objects in its packs, as they are on disk."""
    catalog = SqliteCatalog.open(data_dir / "catalog.sqlite3")
    try:
        found = []
        for name in names:
            row = await catalog.find_repo(AccountId("local"), "default", name)
            state = await catalog.repo_state(row.id)
            stored = []
            for pack in state.packs:
                if pack.key is None:
                    _, index = await catalog.inline_pack(pack.id)
                else:
                    index = (data_dir / "store" / f"{pack.key}.index").read_bytes()
                stored += [oid.hex() for oid in PackIndex.decode(index).oids()]
            found.append((state, stored))
        return found
    finally:
        await catalog.close()


@pytest.mark.parametrize("seed", range(4))
def test_every_repo_gives_out_exactly_what_its_refs_reach(server: LiveServer, tmp_path: Path, seed: int) -> None:
    """Through pushes, forced pushes, deletions, merges, tags and forks, clones hold the refs' closure and no more."""
    dice = random.Random(seed)
    family = Family(server, new_git(tmp_path / "model"), dice, tmp_path)
    name = f"random-{seed}-{tmp_path.parent.name}-{tmp_path.name}".replace("_", "-").lower()[:50].strip("-")
    family.adopt(server.create(f"{name}-0"), {})
    family.push(family.twins[0])
    for number in range(STEPS):
        family.step()
        family.check(number)
