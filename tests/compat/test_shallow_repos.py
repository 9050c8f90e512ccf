"""Repos that lack a part of their history, beside C Git's own server over the same objects with the same ends."""

import random
import shutil
import subprocess
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from tests.live_server import Git
from tests.unit.engine.small_repo import SmallRepo, engine_in
from tests.wire.raw_git import Object, blob, commit, oid_of, tree
from treehold.catalog.base import PushCommit
from treehold.engine import history
from treehold.engine.context import Engine
from treehold.engine.fetch import choose_plan, negotiate
from treehold.engine.limits import Limits
from treehold.engine.log import LogWish, list_log
from treehold.engine.reachable import OidSet
from treehold.engine.read import RepoReader
from treehold.engine.shallow import ShallowStep, advertised_ends
from treehold.engine.view import RepoView
from treehold.ids import ObjectId, hex_oid, parse_oid
from treehold.objects.links import object_links
from treehold.packs.build import build_pack
from treehold.packs.resolve import no_base, resolve_pack
from treehold.packs.scan import scan_pack
from treehold.protocol.advertisement import decode_advertisement
from treehold.protocol.command import CommandRequest, encode_command
from treehold.protocol.fetch import encode_arguments
from treehold.protocol.fetch_request import INFINITE_DEPTH, FetchRequest
from treehold.protocol.pktline import chomp, decode_all

GIT = Path(shutil.which("git") or "git")
COMMITS = 24
REQUESTS = 20
DEPTHS = (None, None, 1, 2, 3, 5, 9, 40, INFINITE_DEPTH)
NO_WALKS = Limits(walk_clone_objects=0, walk_increment_objects=0)
SEEDS = pytest.mark.parametrize("seed", range(6))


@dataclass
class Part:
    """Of some commits, many with two parents, what the tips reach when the ends have no parents."""

    tips: list[ObjectId]
    ends: frozenset[ObjectId]
    objects: dict[ObjectId, Object]

    @classmethod
    def grown(cls, chance: random.Random) -> "Part":
        every: dict[ObjectId, Object] = {}
        commits: list[Object] = []
        for number in range(COMMITS):
            content = blob(b"%d" % number)
            top = tree({b"file": content})
            parents = chance.sample(commits[-6:], min(len(commits), chance.choice((1, 1, 1, 2))))
            commits.append(commit(top, *parents, message=b"%d\n" % number))
            every |= {oid_of(item): item for item in (content, top, commits[-1])}
        old, young = commits[: COMMITS // 2], commits[COMMITS // 2 : -1]
        tips = [oid_of(item) for item in (commits[-1], *chance.sample(young, 2))]
        whole = cls(tips, frozenset(), every)
        ends = frozenset(oid_of(item) for item in chance.sample(old, 4))
        objects = {oid: every[oid] for oid in whole.reached(tips, ends)}
        return cls(tips, ends & objects.keys(), objects)

    def reached(self, starts: Iterable[ObjectId], ends: frozenset[ObjectId]) -> set[ObjectId]:
        """What these reach when these have no parents."""
        found: set[ObjectId] = set()
        queue = list(starts)
        while queue:
            oid = queue.pop()
            if oid not in found:
                found.add(oid)
                links = object_links(*self.objects[oid])
                queue += [linked for _, linked in (links[:1] if oid in ends else links)]
        return found

    def commits(self) -> list[ObjectId]:
        return [oid for oid, (kind, _) in self.objects.items() if kind.name == "COMMIT"]

    def refs(self) -> dict[bytes, ObjectId]:
        return {b"refs/heads/b%d" % row: oid for row, oid in enumerate(self.tips)}

    async def view(self, engine: Engine) -> RepoView:
        """The same as a repo of ours, made as an import makes it."""
        repo = await SmallRepo.make(engine)
        bounded = PushCommit(repo.row.id, 0, (), None, True, None, engine.clock(), self.ends)
        await engine.catalog.commit_push(bounded)
        await repo.push(list(self.objects.values()), dict(self.refs()))
        return await repo.view()

    def git(self, folder: Path) -> Git:
        """The same as a repository of C Git."""
        folder.mkdir()
        git = Git(folder)
        git("init", "-q", "--bare")
        git("config", "uploadpack.allowAnySHA1InWant", "true")
        git("index-pack", "--stdin", stdin=build_pack(self.objects.values())[0])
        (folder / "shallow").write_bytes(b"".join(hex_oid(oid) + b"\n" for oid in sorted(self.ends)))
        for name, oid in self.refs().items():
            git("update-ref", name.decode(), oid.hex())
        git("symbolic-ref", "HEAD", "refs/heads/b0")
        return git


@pytest.fixture
async def engine(tmp_path: Path) -> AsyncIterator[Engine]:
    async with engine_in(tmp_path, git=GIT) as engine:
        yield engine


def some_request(chance: random.Random, part: Part) -> FetchRequest:
    """A client with some ends of its own, or none, who wants some tips, and perhaps to move its ends."""
    depth = chance.choice(DEPTHS)
    return FetchRequest(
        wants=tuple(chance.sample(part.tips, chance.choice((1, 2, 3)))),
        shallow=frozenset(chance.sample(part.commits(), chance.choice((0, 0, 1, 3)))),
        deepen=depth,
        deepen_relative=depth not in (None, INFINITE_DEPTH) and chance.random() < 0.3,
        ofs_delta=True,
        done=True,
    )


def upload_pack(git: Git, *arguments: str, body: bytes = b"", version: int) -> bytes:
    environment = {**git.environment(), "GIT_PROTOCOL": f"version={version}"}
    command = [str(GIT), "upload-pack", "--stateless-rpc", *arguments, "."]
    done = subprocess.run(command, cwd=git.folder, env=environment, input=body, capture_output=True, check=True)
    return done.stdout


def told_by_git(git: Git, request: FetchRequest) -> tuple[set[ObjectId], set[ObjectId]]:
    """The commits that become shallow and those that no longer are; git tells of some twice."""
    body = encode_command(CommandRequest(b"fetch", arguments=encode_arguments(request)))
    lines = [
        chomp(packet) for packet in decode_all(upload_pack(git, body=body, version=2)) if isinstance(packet, bytes)
    ]
    assert lines[0] == b"shallow-info"
    lines = lines[1 : lines.index(b"packfile")]
    words = [line.split() for line in lines]
    shallow, unshallow = ({parse_oid(oid) for word, oid in words if word == key} for key in (b"shallow", b"unshallow"))
    assert len(shallow | unshallow) == len({*lines})
    return shallow, unshallow


def lacking(part: Part, request: FetchRequest, step: ShallowStep) -> set[ObjectId]:
    """What a client with nothing but its ends must get, when it has moved them."""
    old = frozenset(request.shallow)
    new = (old | set(step.shallow) | part.ends) - set(step.unshallow)
    return part.reached([*request.wants, *step.more_wants], new) - part.reached(step.more_haves, old | part.ends)


async def made(engine: Engine, view: RepoView, request: FetchRequest) -> tuple[str, set[ObjectId]]:
    """By which plan the pack is made, and its objects."""
    plan = await choose_plan(engine, view, await negotiate(engine, view, request))
    pack = b"".join([bytes(piece) async for piece in plan.pieces(engine)])
    return plan.name, {found.oid for found in resolve_pack(scan_pack(pack), external_base=no_base)}


@SEEDS
async def test_a_client_is_told_what_git_tells_it(engine: Engine, tmp_path: Path, seed: int) -> None:
    """Whatever a client wants, has as its ends, and asks for: it is told of the same commits as by C Git, and what it
    then lacks comes, by whichever plan."""
    chance = random.Random(seed)
    part = Part.grown(chance)
    view, git = await part.view(engine), part.git(tmp_path / "twin.git")
    computing = replace(engine, limits=NO_WALKS)
    plans = set()
    for _ in range(REQUESTS):
        request = some_request(chance, part)
        step = (await negotiate(engine, view, request)).shallow
        assert (set(step.shallow), set(step.unshallow)) == told_by_git(git, request)
        for able in (engine, computing):
            await engine.node.answers.drop_all()
            plan, objects = await made(able, view, request)
            assert lacking(part, request, step) <= objects <= part.objects.keys()
            plans.add(plan)
    assert plans >= {"walked", "computed"}
    everything = replace(request, wants=tuple(part.tips), shallow=frozenset(), deepen=None, deepen_relative=False)
    assert await made(engine, view, everything) == ("whole", set(part.objects))


@SEEDS
async def test_the_ends_are_advertised(engine: Engine, tmp_path: Path, seed: int) -> None:
    """In the order in which C Git does it; a repo that has all its history has none."""
    part = Part.grown(random.Random(seed))
    view, git = await part.view(engine), part.git(tmp_path / "twin.git")
    said = decode_advertisement(upload_pack(git, "--advertise-refs", version=0))
    assert tuple(await advertised_ends(engine, view.state)) == said.shallow
    assert await advertised_ends(engine, replace(view.state, shallow=frozenset())) == ()


@SEEDS
async def test_walks_go_as_far_as_gits(engine: Engine, tmp_path: Path, seed: int) -> None:
    """A log, all that a tip reaches, and all commits, by this process and by C Git, end where C Git's own do."""
    part = Part.grown(random.Random(seed))
    view, git = await part.view(engine), part.git(tmp_path / "twin.git")
    for row, tip in enumerate(part.tips):
        entries = await list_log(engine, RepoReader(view, 1 << 20), LogWish(b"b%d" % row, None, limit=50, offset=0))
        assert [oid.hex() for oid, _ in entries] == git("rev-list", "--first-parent", tip.hex()).split()
        reached = set(git("rev-list", "--objects", "--no-object-names", tip.hex()).split())
        found = await engine.node.reachable.of(view.state.packs, [tip], view.shallow)
        assert len(found) == len(reached)
        assert all(ObjectId(bytes.fromhex(oid)) in found for oid in reached)
        walked = history.newest_first(view, [tip], not_before=0, budget=1000)
        assert {oid.hex() for oid in walked} == set(git("rev-list", tip.hex()).split())


async def test_ends_out_of_reach_are_told_to_nobody(engine: Engine) -> None:
    """An end that no ref leads to any more is no secret, but of no use."""
    part = Part.grown(random.Random(1))
    view = await part.view(engine)
    hidden = replace(view, visible=OidSet(part.objects.keys() - part.ends))
    assert part.ends
    step = (await negotiate(engine, hidden, FetchRequest(wants=tuple(part.tips), ofs_delta=True, done=True))).shallow
    assert step == ShallowStep(boundary=part.ends)
