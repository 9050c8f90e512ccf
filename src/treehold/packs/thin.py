"""What thin packs leave out: the bases of their deltas."""

from collections.abc import Sequence

from treehold.ids import ObjectId
from treehold.packs.read import OpenPack, PackSet


def missing_bases(packs: Sequence[OpenPack]) -> set[ObjectId]:
    """The objects that deltas in these packs are made from and none of the packs has; raises CorruptStore."""
    together = PackSet(packs)
    bases = {pack.header_at(offset).base_oid for pack in packs for offset in pack.index.offsets()}
    return {base for base in bases if base is not None and base not in together}
