"""A table for people: in colour where rich is installed and a terminal looks on, in plain columns otherwise."""

from __future__ import annotations

import sys

__all__ = ["show"]


def show(heads: list[str], rows: list[list[str]], colours: dict[str, str]) -> None:
    """Print a table.

    Args:
        heads: what is over the columns.
        rows: the cells, as many in each row as there are heads.
        colours: a cell's text to its colour; only whole cells are coloured.
    """
    if not (sys.stdout.isatty() and _show_with_rich(heads, rows, colours)):
        print(plain([heads, *rows]))


def plain(rows: list[list[str]]) -> str:
    """Lay rows out in columns."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join("  ".join(map(str.ljust, row, widths)).rstrip() for row in rows)


def _show_with_rich(heads: list[str], rows: list[list[str]], colours: dict[str, str]) -> bool:
    try:
        from rich import box
        from rich.console import Console
        from rich.table import Table
        from rich.text import Text
    except ImportError:
        return False
    table = Table(*heads, box=box.SIMPLE_HEAD)
    for row in rows:
        table.add_row(*(Text(cell, style=colours.get(cell, "")) for cell in row))
    Console().print(table)
    return True
