"""The drawings of the documentation are those of their source, and tell the truth."""

from __future__ import annotations

import importlib.util
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from transport_ssl import _states

if TYPE_CHECKING:
    from types import ModuleType

DOCS = Path(__file__).parents[2] / "docs"


def _load() -> ModuleType:
    spec = importlib.util.spec_from_file_location("drawings", DOCS / "drawings" / "draw.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


draw = _load()


@pytest.mark.parametrize("name", list(draw.DRAWINGS))
def test_each_file_is_what_its_source_draws(name: str) -> None:
    written = (draw.FOLDER / f"{name}.svg").read_text()
    assert written == draw.DRAWINGS[name]().svg(), "run: python docs/drawings/draw.py"


def test_each_drawing_is_shown_on_a_page() -> None:
    pages = "\n".join(page.read_text() for page in DOCS.glob("*.md"))
    shown = set(re.findall(r"drawings/([\w-]+)\.svg", pages))
    assert shown == set(draw.DRAWINGS)


def test_the_tls_drawing_has_the_arrows_of_the_table() -> None:
    drawn = {(arrow.start, arrow.text, arrow.end) for arrow in draw.tls().arrows}
    table: dict[Any, dict[Any, Any]] = _states._TABLE
    assert drawn == {
        (state.name, event.name, after.name) for state, row in table.items() for event, after in row.items()
    }
