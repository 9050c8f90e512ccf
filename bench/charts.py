"""The ratios as one drawing: a bar for each operation and peer, on a logarithmic scale."""

import math
from collections.abc import Mapping, Sequence
from html import escape
from typing import Final

from bench.report import aim, ratio
from bench.runs import Row

_LEFT: Final = 300
_WIDTH: Final = 960
_BAR: Final = 14
_GAP: Final = 12
_TOP: Final = 64
_COLOURS: Final = ("#2f6f9f", "#7fb3d5", "#c8742b", "#8a8a8a")


def draw(rows: Sequence[Row], peers: Mapping[str, str]) -> str:
    """An SVG of how many times the CPU of Treehold each peer needs; a tick on a bar is what is aimed at."""
    shown = [(row, [key for key in peers if ratio(row, key)]) for row in rows]
    shown = [(row, keys) for row, keys in shown if keys]
    scale = _Scale([found for row, keys in shown for key in keys if (found := ratio(row, key))])
    colours = dict(zip(peers, _COLOURS, strict=False))
    bars: list[str] = []
    top = float(_TOP)
    for row, keys in shown:
        name = f"{row.operation.name} ({row.operation.wire})"
        middle = top + len(keys) * _BAR / 2 + 4
        bars.append(f'<text x="{_LEFT - 10}" y="{middle:.1f}" text-anchor="end">{escape(name)}</text>')
        for key in keys:
            bars += _bar(row, key, top, scale, colours[key])
            top += _BAR
        top += _GAP
    style = "font-family:sans-serif;font-size:12px"
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{top + 20:.0f}" style="{style}">',
            '<rect width="100%" height="100%" fill="white"/>',
            '<text x="10" y="20" style="font-size:15px">Server CPU: how many times that of Treehold</text>',
            *_legend(peers, colours),
            *scale.grid(top),
            *bars,
            "</svg>\n",
        ]
    )


class _Scale:
    """Where a ratio lies across the drawing."""

    def __init__(self, ratios: Sequence[float]) -> None:
        self._low = min(0, math.floor(math.log10(min(ratios, default=1))))
        self._high = max(1, math.ceil(math.log10(max(ratios, default=10))))

    def x(self, number: float) -> float:
        share = (math.log10(number) - self._low) / (self._high - self._low)
        return _LEFT + share * (_WIDTH - _LEFT - 70)

    def grid(self, bottom: float) -> list[str]:
        lines = []
        for power in range(self._low, self._high + 1):
            x = self.x(10.0**power)
            stroke = "#333" if power == 0 else "#ddd"
            lines.append(f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{_TOP - 8}" y2="{bottom:.0f}" stroke="{stroke}"/>')
            lines.append(f'<text x="{x:.1f}" y="{_TOP - 12}" text-anchor="middle" fill="#555">{10.0**power:g}x</text>')
        return lines


def _bar(row: Row, key: str, top: float, scale: _Scale, colour: str) -> list[str]:
    found, aimed = ratio(row, key), aim(row.operation, key)
    assert found is not None
    left, right = sorted((scale.x(1), scale.x(found)))
    parts = [
        f'<rect x="{left:.1f}" y="{top:.1f}" width="{max(1, right - left):.1f}" height="{_BAR - 2}" fill="{colour}"/>',
        f'<text x="{right + 5:.1f}" y="{top + 10:.1f}" style="font-size:10px">{found:.3g}x</text>',
    ]
    if aimed is not None:
        x = scale.x(aimed)
        parts.append(f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{top - 1:.1f}" y2="{top + _BAR - 1:.1f}" stroke="red"/>')
    return parts


def _legend(peers: Mapping[str, str], colours: Mapping[str, str]) -> list[str]:
    parts = []
    for number, (key, label) in enumerate(peers.items()):
        x = 10 + 190 * number
        parts.append(f'<rect x="{x}" y="28" width="10" height="10" fill="{colours[key]}"/>')
        parts.append(f'<text x="{x + 15}" y="37">{escape(label)}</text>')
    return parts
