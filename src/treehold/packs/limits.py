"""What one pack may cost whoever receives it."""

from dataclasses import dataclass
from typing import Final

DELTA_DEPTH_MAX: Final = 8192
"""Twice the longest chain that git pack-objects can be told to write (4,095)."""


@dataclass(frozen=True, slots=True)
class PackLimits:
    """Limits on a pack that is taken apart in memory. The pack's own size is limited where its bytes are received.

    objects_max: entries in the pack; a header's count is free to claim 4 thousand million.
    object_bytes_max: one object or delta, inflated. GitHub stops at 100 MB, this project's model at 32 MB.
    inflated_bytes_max: all entries and all results of deltas together: zlib packs up to 1,030 to 1, and a delta of a
    few bytes can ask for 16 MB again and again.
    delta_bytes_max: all deltas together, inflated. This one bounds time: following an instruction of two bytes takes up
    to a microsecond, so 16 MiB made of nothing else take some 8 seconds. All of Flask's history has 10 MB of deltas.
    delta_depth_max: links from a delta to its whole object.
    """

    objects_max: int = 100_000
    object_bytes_max: int = 128 * 2**20
    inflated_bytes_max: int = 512 * 2**20
    delta_bytes_max: int = 16 * 2**20
    delta_depth_max: int = DELTA_DEPTH_MAX


DEFAULT_LIMITS: Final = PackLimits()
