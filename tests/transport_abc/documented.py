"""The packages of docs/writing-a-transport.md, taken from the page itself."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

PAGE = Path(__file__).parents[2] / "docs" / "writing-a-transport.md"


def block(name: str) -> str:
    """Return the block of code that the page marks with a name."""
    found: list[str] = re.findall(rf"^```\w+ {name}\n(.*?)^```", PAGE.read_text(), re.DOTALL | re.MULTILINE)
    (text,) = found
    return text


def names() -> list[str]:
    """Return the names of all Python blocks, in order."""
    found: list[str] = re.findall(r"^```python (\S+)$", PAGE.read_text(), re.MULTILINE)
    return found


def module(name: str, import_name: str) -> Any:
    """Return a block as an imported module."""
    if import_name not in sys.modules:
        made = ModuleType(import_name)
        exec(compile(block(name), f"{PAGE}:{name}", "exec"), vars(made))
        sys.modules[import_name] = made
    return sys.modules[import_name]


def socketpair() -> Any:
    return module("socketpair", "transport_socketpair")


def upper() -> Any:
    return module("upper", "transport_upper")


def install(folder: Path) -> None:
    """Write the package of the page, with the metadata of an installation, into a folder."""
    package = folder / "transport_socketpair"
    package.mkdir()
    (package / "__init__.py").write_text(block("socketpair"))
    info = folder / "transport_socketpair-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: transport-socketpair\nVersion: 1.0\n")
    group, _, line = block("pyproject").partition('[project.entry-points."')[2].strip().partition('"]\n')
    name, _, value = line.partition(" = ")
    (info / "entry_points.txt").write_text(f"[{group}]\n{name} = {value.strip()[1:-1]}\n")
