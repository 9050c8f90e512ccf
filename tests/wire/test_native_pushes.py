"""Pushes that C Git takes in, each held to what is kept of it and to what is served from it."""

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from random import Random
from uuid import uuid4

import pytest

from tests.live_server import LiveServer
from tests.properties.pack_strategies import PackWriter, encode_delta
from tests.wire.raw_fetch import SIDE_BAND_64K_BYTES, FetchAnswer, ask
from tests.wire.raw_git import MAIN, Object, Outcome, RawGit, blob, commit, files_under, history, oid_of, pack_of, tree
from treehold.ids import ZERO_OID, ObjectId
from treehold.protocol.fetch_request import FetchRequest

OLD = Random(1).randbytes(100_000)
NEW = OLD + b"a change"
FIRST = history(OLD)
TIP = oid_of(FIRST[-1])


@pytest.fixture(scope="module")
def native(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """A server that takes nothing in by itself."""
    settings = {"TREEHOLD_LIMITS__SMALL_PUSH_OBJECTS": "0", "TREEHOLD_LIMITS__DELTA_DEPTH_MAX": "2"}
    with LiveServer(tmp_path_factory.mktemp("native") / "data", settings=settings) as live:
        yield live


@pytest.fixture
def raw(native: LiveServer) -> RawGit:
    return RawGit(native, native.create(f"native-{uuid4().hex[:12]}"))


def clone(raw: RawGit, tip: ObjectId) -> FetchAnswer:
    return ask(raw, FetchRequest(wants=(tip,), done=True, ofs_delta=True, side_band=SIDE_BAND_64K_BYTES))


def stored(raw: RawGit) -> dict[Path, bytes]:
    """The packs in the store."""
    files = files_under(raw.server.data_dir / "store")
    return {file: file.read_bytes() for file in files if file.suffix == ".pack"}


def on_top(*objects: Object) -> list[Object]:
    """A second commit whose tree has a new version of the file, with these other objects before it."""
    top = tree({b"file": blob(NEW)})
    return [*objects, top, commit(top, FIRST[-1])]


def test_a_first_push_is_kept_as_it_came(raw: RawGit) -> None:
    """The pack lies in the store byte by byte, alone under its name, and a clone is made of it as it lies."""
    before = stored(raw)
    raw.create(FIRST)
    ((file, data),) = stored(raw).items() - before.items()
    assert data == pack_of(*FIRST)
    assert file.stat().st_nlink == 1
    answer = clone(raw, TIP)
    assert (answer.plan, answer.oids()) == ("whole", {oid_of(item) for item in FIRST})


def test_what_no_ref_reaches_is_not_served(raw: RawGit) -> None:
    """A first push that brings more than its refs need is taken, and the rest is no part of a clone."""
    raw.create([blob(b"of no use"), *FIRST])
    answer = clone(raw, TIP)
    assert answer.plan != "whole"
    assert answer.oids() == {oid_of(item) for item in FIRST}


def test_what_is_stored_is_not_kept_again(raw: RawGit) -> None:
    """Of a second push that repeats the first only what is new is added."""
    raw.create(FIRST)
    before = raw.size_bytes()
    second = on_top(blob(NEW))
    assert raw.push([(TIP, oid_of(second[-1]), MAIN)], pack_of(*FIRST, *second)) == Outcome("ok", {MAIN: None})
    assert raw.size_bytes() - before == len(pack_of(*second))
    answer = clone(raw, oid_of(second[-1]))
    assert (answer.plan, answer.oids()) == ("whole", {oid_of(item) for item in (*FIRST, *second)})


def thin(*rest: Object) -> bytes:
    """A pack whose blob is a delta of the first push's blob, which is not in it."""
    writer = PackWriter()
    writer.ref(oid_of(FIRST[0]), encode_delta(OLD, NEW))
    for kind, data in rest:
        writer.add(kind, data)
    return writer.pack()


def test_a_thin_pack_is_kept_thin(raw: RawGit) -> None:
    """The base that C Git adds is cut off again."""
    raw.create(FIRST)
    before = raw.size_bytes()
    second = on_top()
    pack = thin(*second)
    assert raw.push([(TIP, oid_of(second[-1]), MAIN)], pack) == Outcome("ok", {MAIN: None})
    assert raw.size_bytes() - before == len(pack)
    answer = clone(raw, oid_of(second[-1]))
    assert answer.oids() == {oid_of(item) for item in (*FIRST, blob(NEW), *second)}


def test_a_first_push_cannot_be_thin(raw: RawGit) -> None:
    """There is nothing that it could be completed with."""
    second = on_top()
    outcome = raw.push([(ZERO_OID, oid_of(second[-1]), MAIN)], thin(*second))
    assert "unresolved delta" in outcome.unpack
    assert raw.refs() == {}


@pytest.mark.parametrize("by_id", [False, True])
def test_a_chain_that_is_too_long_is_made_anew(raw: RawGit, by_id: bool) -> None:
    """Four deltas on each other, by place or by id, where two are allowed, are stored otherwise and served whole."""
    texts = [OLD + b"x" * length for length in range(5)]
    writer = PackWriter()
    place = writer.blob(texts[0])
    for before, after in pairwise(texts):
        delta = encode_delta(before, after)
        place = writer.ref(oid_of(blob(before)), delta) if by_id else writer.ofs(place, delta)
    top = tree({b"file-%d" % number: blob(text) for number, text in enumerate(texts)})
    for kind, data in (top, commit(top)):
        writer.add(kind, data)
    assert raw.push([(ZERO_OID, oid_of(commit(top)), MAIN)], writer.pack()) == Outcome("ok", {MAIN: None})
    assert writer.pack() not in stored(raw).values()
    assert clone(raw, oid_of(commit(top))).oids() == {oid_of(item) for item in (*map(blob, texts), top, commit(top))}


def test_a_delta_of_what_is_dropped_counts_its_chain(raw: RawGit) -> None:
    """A delta by place of an object that is stored already becomes one by id, and stays readable."""
    raw.create(FIRST)
    before = raw.size_bytes()
    second = on_top()
    writer = PackWriter()
    place = writer.blob(OLD)
    writer.ofs(place, encode_delta(OLD, NEW))
    for kind, data in second:
        writer.add(kind, data)
    assert raw.push([(TIP, oid_of(second[-1]), MAIN)], writer.pack()) == Outcome("ok", {MAIN: None})
    assert raw.size_bytes() - before < 10_000
    answer = clone(raw, oid_of(second[-1]))
    assert answer.oids() == {oid_of(item) for item in (*FIRST, blob(NEW), *second)}
