"""Which way a fetch is answered: stored packs where they are the answer, and a pack made to measure everywhere else."""

import os
from dataclasses import replace
from uuid import uuid4

import httpx
import pytest

from tests.live_server import NO_TLS, LiveServer, Repo
from tests.wire.raw_fetch import SIDE_BAND_64K_BYTES, ask
from tests.wire.raw_git import MAIN, Object, RawGit, blob, commit, history, oid_of, pack_of, tree
from treehold.ids import ZERO_OID, ObjectId, ObjectKind
from treehold.objects.tag import Tag, encode_tag
from treehold.protocol.fetch_request import AckMode, FetchRequest
from treehold.protocol.filter_spec import FilterSpec
from treehold.protocol.upload_pack import encode_request

STORED = ("whole", "since")
SIDE = b"refs/heads/side"
TAG = b"refs/tags/v1"
CLONE = FetchRequest(
    done=True, ofs_delta=True, thin_pack=True, side_band=SIDE_BAND_64K_BYTES, ack_mode=AckMode.DETAILED
)
UNSUITED = {
    "no offset deltas": replace(CLONE, ofs_delta=False),
    "a filter": replace(CLONE, filter=FilterSpec(b"blob:limit=1000")),
    "a depth": replace(CLONE, deepen=1),
    "a date": replace(CLONE, deepen_since=1),
}


@pytest.fixture
def raw(server: LiveServer, repo: Repo) -> RawGit:
    """A client of a fresh repo."""
    return RawGit(server, repo)


def ids(objects: list[Object]) -> list[ObjectId]:
    return [oid_of(item) for item in objects]


def push(raw: RawGit, name: bytes, old: Object | None, objects: list[Object]) -> None:
    """Move a ref to the last of these objects, which are sent along."""
    before = ZERO_OID if old is None else oid_of(old)
    outcome = raw.push([(before, oid_of(objects[-1]), name)], pack_of(*objects))
    assert outcome.refs == {name: None}


def tag_of(target: Object, name: bytes = b"v1") -> Object:
    return ObjectKind.TAG, encode_tag(Tag(oid_of(target), ObjectKind.COMMIT, name, None, b"Tagged\n"))


@pytest.mark.parametrize("version", [0, 1, 2])
def test_a_clone_of_everything_is_the_stored_packs(raw: RawGit, version: int) -> None:
    """Who wants every tip and has nothing gets the packs as they were pushed, more than once."""
    first, second, third = (history(*(b"%d" % number for number in range(count))) for count in (2, 4, 6))
    push(raw, MAIN, None, first)
    push(raw, MAIN, first[-1], second[len(first) :])
    push(raw, SIDE, None, third[len(second) :])
    for _ in range(2):
        answer = ask(raw, replace(CLONE, wants=(oid_of(second[-1]), oid_of(third[-1]))), version=version)
        assert answer.plan == "whole"
        assert answer.oids() == set(ids(third))


@pytest.mark.parametrize("case", UNSUITED)
def test_stored_packs_are_not_sent_to_a_clone_that_they_do_not_suit(raw: RawGit, case: str) -> None:
    """A client that cannot take offset deltas, filters objects or cuts its history gets a pack of its own."""
    line = history(b"1", b"2")
    push(raw, MAIN, None, line)
    answer = ask(raw, replace(UNSUITED[case], wants=(oid_of(line[-1]),)))
    assert answer.plan not in STORED
    assert not answer.error
    assert answer.oids() == (set(ids(line[3:])) if case == "a depth" else set(ids(line)))


def test_stored_packs_are_not_sent_to_who_wants_a_part(raw: RawGit) -> None:
    """One of two branches, or an old commit, is not everything."""
    line, side = history(b"1", b"2"), history(b"3")
    push(raw, MAIN, None, line)
    push(raw, SIDE, None, side)
    for want, expected in ((line[-1], line), (side[-1], side), (line[2], line[:3])):
        answer = ask(raw, replace(CLONE, wants=(oid_of(want),)))
        assert answer.plan not in STORED
        assert answer.oids() == set(ids(expected))


def test_stored_packs_are_not_sent_to_a_shallow_client(raw: RawGit) -> None:
    """A client whose history is cut off gets a pack that knows of the cut."""
    line = history(b"1", b"2", b"3")
    push(raw, MAIN, None, line[:6])
    push(raw, MAIN, line[5], line[6:])
    cut = frozenset({oid_of(line[5])})
    for haves in ((), (oid_of(line[5]),)):
        answer = ask(raw, replace(CLONE, wants=(oid_of(line[-1]),), haves=haves, shallow=cut))
        assert answer.plan not in STORED
        assert not answer.error


@pytest.mark.parametrize("how", ["forced", "deleted", "tag moved"])
def test_stored_packs_are_not_sent_once_they_hold_too_much(raw: RawGit, how: str) -> None:
    """After an update that leaves objects behind nobody is sent them, neither by a clone nor by an increment."""
    line, lost = history(b"1", b"2"), history(b"lost")
    push(raw, MAIN, None, line[:3])
    if how == "forced":
        push(raw, SIDE, None, lost)
        push(raw, SIDE, lost[-1], history(b"3"))
        kept = history(b"3")
    elif how == "deleted":
        push(raw, SIDE, None, lost)
        assert raw.push([(oid_of(lost[-1]), ZERO_OID, SIDE)]).refs == {SIDE: None}
        kept = []
    else:
        lost = [tag_of(line[2])]
        push(raw, TAG, None, lost)
        push(raw, TAG, lost[-1], [tag_of(line[2], b"v2")])
        kept = [tag_of(line[2], b"v2")]
    push(raw, MAIN, line[2], line[3:])
    tips = tuple({oid_of(item[-1]) for item in (line, kept) if item})
    answer = ask(raw, replace(CLONE, wants=tips))
    assert answer.plan not in STORED
    assert answer.oids() == {*ids(line), *ids(kept)}
    increment = ask(raw, replace(CLONE, wants=tips, haves=(oid_of(line[2]), *ids(kept[-1:]))))
    assert increment.plan == ("since" if how == "deleted" else "walked")
    assert not set(ids(lost)) & increment.oids()


def test_forks_of_one_branch_share_what_they_rest_on(server: LiveServer, raw: RawGit) -> None:
    """What the branch reached when they began is made for the first one that is cloned; pushes to them follow it."""
    line, other = history(b"1", b"2"), history(b"other")
    push(raw, MAIN, None, line)
    push(raw, SIDE, None, other)
    for name, plan in (("first", "walked"), ("second", "cached")):
        fork = RawGit(server, server.fork(raw.repo.name, f"{raw.repo.name}-{name}", default_branch_only=True)[0])
        tip, more = line[-1], list[Object]()
        for round_ in (b"a", b"b"):
            news = history(round_)
            news[2] = commit(news[1], oid_of(tip), message=name.encode())
            push(fork, MAIN, tip, news)
            increment = ask(fork, replace(CLONE, wants=(oid_of(news[2]),), haves=(oid_of(tip),)))
            assert (increment.plan, increment.oids()) == ("since", set(ids(news)))
            tip, more = news[2], [*more, *news]
        answer = ask(fork, replace(CLONE, wants=(oid_of(tip),)))
        assert answer.plan == plan
        assert answer.oids() == {*ids(line), *ids(more)}
        assert not answer.error


@pytest.mark.parametrize("side_band", [0, 1000, SIDE_BAND_64K_BYTES])
def test_the_length_of_stored_packs_is_told_at_the_beginning(raw: RawGit, side_band: int) -> None:
    """However large the pack is and however it is framed, the head of the answer says how many bytes come."""
    tip = None
    for size in (10, 300_000, 262_060, 1, 600_000):
        line = history(os.urandom(size))
        push(raw, MAIN, tip, [*line[:2], commit(line[1], *([oid_of(tip)] if tip else []))])
        tip = commit(line[1], *([oid_of(tip)] if tip else []))
    assert tip
    request = replace(CLONE, wants=(oid_of(tip),), side_band=side_band)
    answer = httpx.post(
        f"{raw.repo.remote}/git-upload-pack",
        content=encode_request(request),
        headers={
            "authorization": f"Bearer {raw.repo.token}",
            "content-type": "application/x-git-upload-pack-request",
        },
        verify=NO_TLS,
    )
    assert answer.headers["x-treehold-plan"] == "whole"
    assert answer.headers["content-length"] == str(len(answer.content))
    assert len(answer.content) > 1_000_000


@pytest.mark.parametrize("version", [0, 1, 2])
def test_an_increment_is_the_packs_pushed_since(raw: RawGit, version: int) -> None:
    """Who has every tip of an earlier generation gets what was pushed after it, whatever else it has of its own."""
    line = history(*(b"%d" % number for number in range(4)))
    push(raw, MAIN, None, line[:3])
    push(raw, MAIN, line[2], line[3:6])
    push(raw, MAIN, line[5], line[6:9])
    push(raw, SIDE, None, line[9:])
    own = history(b"of the client")[-1]
    for known in (3, 6, 9):
        request = replace(
            CLONE, wants=(oid_of(line[8]), oid_of(line[-1])), haves=(oid_of(own), oid_of(line[known - 1]))
        )
        if known == 9:
            request = replace(request, wants=(oid_of(line[-1]),))
        answer = ask(raw, request, version=version)
        assert answer.plan == "since"
        assert answer.oids() == set(ids(line[known:]))
        assert answer.acknowledged() == (set() if version == 2 else {oid_of(line[known - 1])})


@pytest.mark.parametrize("case", [*UNSUITED, "no thin packs"])
def test_an_increment_that_stored_packs_do_not_suit(raw: RawGit, case: str) -> None:
    """A client that cannot take them, or asks for less or for another cut, gets a pack of its own."""
    line = history(b"1", b"2", b"3")
    push(raw, MAIN, None, line[:3])
    push(raw, MAIN, line[2], line[3:])
    request = UNSUITED.get(case, replace(CLONE, thin_pack=False))
    answer = ask(raw, replace(request, wants=(oid_of(line[-1]),), haves=(oid_of(line[2]),)))
    assert answer.plan not in STORED
    assert not answer.error
    assert oid_of(line[-1]) in answer.oids()


def test_an_increment_for_less_than_all_that_is_new(raw: RawGit) -> None:
    """Who does not want another branch's news gets none of them, and an old commit's id is no news."""
    line, side = history(b"1", b"2"), history(b"3")
    push(raw, MAIN, None, line[:3])
    push(raw, SIDE, None, side)
    push(raw, MAIN, line[2], line[3:])
    answer = ask(raw, replace(CLONE, wants=(oid_of(line[-1]),), haves=(oid_of(line[2]),)))
    assert answer.plan not in STORED
    assert answer.oids() == set(ids(line[3:]))
    old = ask(raw, replace(CLONE, wants=(oid_of(line[2]),), haves=(oid_of(line[-1]), oid_of(side[-1]))))
    assert old.plan not in STORED


def test_tags_that_a_client_may_lack_are_sent_when_it_wants_them(raw: RawGit) -> None:
    """A client never lists tags among its haves: it gets a wanted one whenever that was pushed, and no other anew."""
    line = history(b"1", b"2", b"3")
    tag = tag_of(line[2])
    push(raw, MAIN, None, line[:3])
    push(raw, TAG, None, [tag])
    push(raw, MAIN, line[2], line[3:6])
    push(raw, MAIN, line[5], line[6:])
    news, had = oid_of(line[-1]), (oid_of(line[2]),)
    without = ask(raw, replace(CLONE, wants=(news,), haves=had))
    assert without.plan == "since"
    assert without.oids() == set(ids(line[3:]))
    with_tag = ask(raw, replace(CLONE, wants=(news, oid_of(tag)), haves=had))
    assert with_tag.plan == "since"
    assert with_tag.oids() == {oid_of(tag), *ids(line[3:])}
    tag_alone = ask(raw, replace(CLONE, wants=(oid_of(tag),), haves=(news,)))
    assert oid_of(tag) in tag_alone.oids()


def test_what_a_tag_of_a_tag_names_is_sent_for_its_id(raw: RawGit) -> None:
    """An inner tag that no ref points at is sent to a client that has the commit behind it."""
    line = history(b"1", b"2")
    inner = tag_of(line[2])
    outer = ObjectKind.TAG, encode_tag(Tag(oid_of(inner), ObjectKind.TAG, b"outer", None, b"Tagged\n"))
    push(raw, MAIN, None, line[:3])
    push(raw, TAG, None, [inner, outer])
    push(raw, MAIN, line[2], line[3:])
    answer = ask(raw, replace(CLONE, wants=(oid_of(inner),), haves=(oid_of(line[-1]),)))
    assert answer.oids() == {oid_of(inner)}


def test_a_fork_knows_no_generations_before_its_own(server: LiveServer, raw: RawGit) -> None:
    """A fork answers from its parent's packs at once, and increments from its own first push on."""
    line = history(b"1", b"2", b"3")
    push(raw, MAIN, None, line[:3])
    push(raw, MAIN, line[2], line[3:6])
    repo, _ = server.fork(raw.repo.name, f"fork-{uuid4().hex[:12]}")
    fork = RawGit(server, repo)
    assert ask(fork, replace(CLONE, wants=(oid_of(line[5]),))).plan == "whole"
    early = ask(fork, replace(CLONE, wants=(oid_of(line[5]),), haves=(oid_of(line[2]),)))
    assert early.plan not in STORED
    assert early.oids() == set(ids(line[3:6]))
    push(fork, MAIN, line[5], line[6:])
    late = ask(fork, replace(CLONE, wants=(oid_of(line[-1]),), haves=(oid_of(line[5]),)))
    assert late.plan == "since"
    assert late.oids() == set(ids(line[6:]))
    assert ask(fork, replace(CLONE, wants=(oid_of(line[-1]),))).oids() == set(ids(line))


def test_an_object_pushed_again_is_sent_with_what_needs_it(raw: RawGit) -> None:
    """A revert sends an old tree and an old file anew; clients of every age still get all that they need."""
    first, second = history(b"1"), history(b"1", b"2")
    back = commit(first[1], second[-1], message=b"Revert\n")
    push(raw, MAIN, None, first)
    push(raw, MAIN, first[-1], second[3:])
    push(raw, MAIN, second[-1], [first[0], first[1], back])
    everything = ask(raw, replace(CLONE, wants=(oid_of(back),)))
    assert everything.plan == "whole"
    assert everything.oids() == {*ids(second), oid_of(back)}
    for known in (first, second):
        answer = ask(raw, replace(CLONE, wants=(oid_of(back),), haves=(oid_of(known[-1]),)))
        assert answer.plan == "since"
        assert answer.oids() == {*ids(second[len(known) :]), oid_of(back)}


def test_a_large_repo_is_computed_for_one_branch(server: LiveServer, flask_repo: Repo) -> None:
    """Of a large history a part is made by C Git, all of it is sent as it lies."""
    raw = RawGit(server, flask_repo)
    refs = raw.refs()
    part = ask(raw, replace(CLONE, wants=(refs[b"refs/tags/0.1"],)))
    assert part.plan == "computed"
    assert ask(raw, replace(CLONE, wants=tuple(dict.fromkeys(refs.values())))).plan == "whole"


def test_nothing_but_a_tree_or_a_file_can_be_wanted_too(raw: RawGit) -> None:
    """A tree's id brings the tree and its files, a file's id the file."""
    top = tree({b"file": blob(b"text")})
    push(raw, MAIN, None, [blob(b"text"), top, commit(top)])
    assert ask(raw, replace(CLONE, wants=(oid_of(top),))).oids() == {oid_of(top), oid_of(blob(b"text"))}
    assert ask(raw, replace(CLONE, wants=(oid_of(blob(b"text")),))).oids() == {oid_of(blob(b"text"))}


def test_small_answers_are_walked(raw: RawGit) -> None:
    """A small repo's parts, and what an increment lacks, are chosen in this process; a filter is left to C Git."""
    line, side = history(b"1", b"2", b"3"), history(b"4")
    push(raw, MAIN, None, line)
    push(raw, SIDE, None, side)
    push(raw, TAG, None, [tag_of(line[-1])])
    branch = replace(CLONE, wants=(oid_of(line[-1]),))
    assert ask(raw, branch).plan == "walked"
    assert ask(raw, replace(branch, include_tag=True)).oids() == {*ids(line), oid_of(tag_of(line[-1]))}
    assert ask(raw, replace(branch, haves=(oid_of(line[2]),))).plan == "walked"
    shallow = ask(raw, replace(branch, deepen=1))
    assert shallow.plan == "walked"
    assert shallow.oids() == set(ids(line[6:]))
    assert ask(raw, replace(branch, filter=FilterSpec(b"blob:none"))).plan == "computed"


def test_the_same_question_is_computed_once(server: LiveServer, flask_repo: Repo) -> None:
    """A computed pack is kept: who asks the same again gets the same bytes, and another question another pack."""
    fork, _ = server.fork(flask_repo.name, f"asked-{uuid4().hex[:12]}")
    raw = RawGit(server, fork)
    refs = raw.refs()
    request = replace(CLONE, wants=(refs[b"refs/heads/main"],), filter=FilterSpec(b"tree:0"))
    first, second = ask(raw, request), ask(raw, request)
    assert (first.plan, second.plan) == ("computed", "cached")
    assert first.pack == second.pack
    other = ask(raw, replace(request, wants=(refs[b"refs/tags/0.1"],)))
    assert other.plan == "computed"
    assert other.pack != first.pack


def test_thin_deltas_are_for_clients_that_take_them(raw: RawGit) -> None:
    """An increment to a client that wants no thin pack stands by itself, though the repo keeps it as deltas."""
    line = history(b"1" * 2000, b"1" * 2000 + b"2")
    push(raw, MAIN, None, line[:3])
    push(raw, MAIN, line[2], line[3:])
    answer = ask(raw, replace(CLONE, thin_pack=False, wants=(oid_of(line[-1]),), haves=(oid_of(line[2]),)))
    assert answer.plan == "walked"
    assert answer.oids() == set(ids(line[3:]))
