"""The packages of docs/writing-a-transport.md, taken from the page itself."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

PAGE = Path(__file__).parents[2] / "docs" / "writing-a-transport.md"
SOURCE = "src/transport_socketpair/__init__.py"


def block(file: str) -> str:
    """Return the block of code that the page marks as a file."""
    found: list[str] = re.findall(rf"^```\w+ {re.escape(file)}\n(.*?)^```", PAGE.read_text(), re.DOTALL | re.MULTILINE)
    (text,) = found
    return text


def module(file: str, import_name: str) -> Any:
    """Return a block as an imported module."""
    if import_name not in sys.modules:
        made = ModuleType(import_name)
        exec(compile(block(file), f"{PAGE}:{file}", "exec"), vars(made))
        sys.modules[import_name] = made
    return sys.modules[import_name]


def socketpair() -> Any:
    return module(SOURCE, "transport_socketpair")


def upper() -> Any:
    return module("transport_upper.py", "transport_upper")


def install(folder: Path) -> None:
    """Write the package of the page, with the metadata of an installation, into a folder."""
    package = folder / "transport_socketpair"
    package.mkdir()
    (package / "__init__.py").write_text(block(SOURCE))
    info = folder / "transport_socketpair-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: transport-socketpair\nVersion: 1.0\n")
    group, _, line = block("pyproject.toml").partition('[project.entry-points."')[2].strip().partition('"]\n')
    name, _, value = line.partition(" = ")
    (info / "entry_points.txt").write_text(f"[{group}]\n{name} = {value.strip()[1:-1]}\n")
