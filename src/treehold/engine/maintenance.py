"""Taking bytes away. Nothing else in the engine deletes what is stored."""

from treehold.engine.context import Engine
from treehold.engine.pack_cache import INDEX_SUFFIX


async def discard_unreferenced(engine: Engine, key: str) -> None:
    """Delete a pack that was put for a push and that no row has ever named."""
    await engine.store.delete(key)
    await engine.store.delete(key + INDEX_SUFFIX)
