"""Draw the ratios of a run as bars, in SVG."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from benchmarks.aims import aim
from benchmarks.contestants import OURS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchmarks.results import CaseResult, Run

_LEFT, _WIDTH, _RIGHT = 190, 520, 60
_BAR, _GAP, _HEAD = 9, 10, 70
_MOST = 4.0
"""Longer bars are cut off here, and their figure is written beside them."""

_COLOURS = {
    "asyncio": "#8d99ae",
    "uvloop": "#2a9d8f",
    "rloop": "#e76f51",
    "aiofastnet": "#e9c46a",
    "compiled": "#9b5de5",
    "floor": "#d0d0d0",
}


def draw(run: Run, title: str) -> str:
    """Return an SVG picture: for each case and rival, how many times ours it costs."""
    rivals = [name for name in run.contestants if name != OURS]
    body: list[str] = []
    y = _HEAD
    for result in run.results:
        bars = [(name, ratio) for name in rivals if (ratio := result.ratio(name)) is not None]
        if bars:
            body.extend(_group(result, bars, y))
            y += len(bars) * _BAR + _GAP
    return "\n".join([*_frame(title, rivals, y + 20), *body, *_line_of_ours(y), "</svg>", ""])


def _x(ratio: float) -> float:
    return _LEFT + min(ratio, _MOST) / _MOST * _WIDTH


def _frame(title: str, rivals: list[str], height: int) -> Iterator[str]:
    width = _LEFT + _WIDTH + _RIGHT
    yield (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        f'font-family="sans-serif" font-size="11" role="img">'
    )
    yield f"<title>{escape(title)}</title>"
    yield f'<rect width="{width}" height="{height}" fill="white"/>'
    yield f'<text x="10" y="20" font-size="14" font-weight="bold">{escape(title)}</text>'
    for number, name in enumerate(rivals):
        x = 10 + number * 110
        yield f'<rect x="{x}" y="32" width="10" height="10" fill="{_COLOURS[name]}"/>'
        yield f'<text x="{x + 14}" y="41">{escape(name)}</text>'
    for tick in range(1, int(_MOST) + 1):
        yield f'<text x="{_x(tick):.0f}" y="{_HEAD - 8}" text-anchor="middle" fill="#555">{tick}x</text>'
        yield f'<path d="M{_x(tick):.1f} {_HEAD - 4}V{height - 20}" stroke="#eee"/>'


def _group(result: CaseResult, bars: list[tuple[str, float]], y: int) -> Iterator[str]:
    middle = y + len(bars) * _BAR / 2 + 4
    yield f'<text x="{_LEFT - 8}" y="{middle:.1f}" text-anchor="end">{escape(result.case.name)}</text>'
    for number, (name, ratio) in enumerate(bars):
        top = y + number * _BAR
        yield (
            f'<rect x="{_LEFT}" y="{top}" width="{_x(ratio) - _LEFT:.1f}" height="{_BAR - 1}" fill="{_COLOURS[name]}">'
            f"<title>{escape(result.case.about)}: {name} {ratio:.2f}x</title></rect>"
        )
        yield f'<text x="{_x(ratio) + 3:.1f}" y="{top + _BAR - 1}" font-size="8" fill="#555">{ratio:.2f}</text>'
        aimed = aim(result.case.group, name)
        if aimed is not None:
            yield f'<path d="M{_x(aimed):.1f} {top - 1}v{_BAR + 1}" stroke="#c1121f" stroke-width="1.5"/>'


def _line_of_ours(bottom: int) -> Iterator[str]:
    yield f'<path d="M{_x(1):.1f} {_HEAD - 4}V{bottom}" stroke="black"/>'
    yield (
        f'<text x="10" y="{bottom + 14}" fill="#555">Processor time (or memory) of each in that of ours: '
        f"right of 1x ours is cheaper. Red: the aim.</text>"
    )
