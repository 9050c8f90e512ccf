"""Making a pack durable, before anything names it."""

import asyncio
import hashlib
from pathlib import Path

from treehold.catalog.base import NewPack
from treehold.engine.context import Engine
from treehold.engine.pack_cache import INDEX_SUFFIX
from treehold.errors import StorageError
from treehold.packs.index import PackIndex


async def keep_pack(engine: Engine, source: bytes | Path, index: PackIndex, *, size_bytes: int) -> NewPack:
    """A pack ready to be named: a small one rides in the row that names it, a larger one is in the store.

    Raises StorageError. If it is never named, ``maintenance.discard_unreferenced`` takes it away, or else the sweep.
    """
    encoded, objects = index.encode(), len(index)
    if size_bytes <= engine.limits.inline_pack_bytes:
        data = source if isinstance(source, bytes) else await asyncio.to_thread(_read, source)
        return NewPack(objects=objects, size_bytes=size_bytes, index=encoded, data=data)
    name = hashlib.sha256(encoded).hexdigest()
    key = f"packs/{name[:2]}/{name[:40]}-{engine.entropy(8).hex()}.pack"
    await engine.store.put(key, source)
    engine.failpoint("keep.pack-stored")
    await engine.store.put(key + INDEX_SUFFIX, encoded)
    return NewPack(objects=objects, size_bytes=size_bytes, index=b"", key=key)


def _read(source: Path) -> bytes:
    try:
        return source.read_bytes()
    except OSError as error:
        raise StorageError(f"cannot read a new pack: {error.strerror}") from error
