"""The event loops that are compared, by name; each is imported only in the process that runs it."""

from __future__ import annotations

import importlib
import importlib.metadata
import platform
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import asyncio

OURS = "ours"
COMPILED = "compiled"
FLOOR = "floor"


@dataclass(frozen=True)
class Contestant:
    """An event loop and the distributions that make it."""

    about: str
    module: str
    distributions: tuple[str, ...] = ()

    def new_loop(self) -> asyncio.AbstractEventLoop:
        """Make a loop.

        Raises:
            ImportError: if it is not installed.
        """
        new_event_loop: Any = getattr(importlib.import_module(self.module), "new_event_loop", None)
        if new_event_loop is None:
            raise ImportError(f"{self.module} has no new_event_loop")
        loop: asyncio.AbstractEventLoop = new_event_loop()
        if "aiofastnet" in self.distributions:
            importlib.import_module("aiofastnet").patch_loop(loop)
        return loop

    def version(self) -> str:
        """Name the versions of what it is made of.

        Raises:
            ImportError: if one of it is not installed.
        """
        importlib.import_module(self.module)
        found = [f"{name} {importlib.metadata.version(name)}" for name in self.distributions]
        return ", ".join(found) or f"Python {platform.python_version()}"


CONTESTANTS = {
    "asyncio": Contestant("the standard library's loop", "asyncio"),
    "uvloop": Contestant("libuv, in Cython", "uvloop", ("uvloop",)),
    "rloop": Contestant("in Rust", "rloop", ("rloop",)),
    "aiofastnet": Contestant("transports in Cython, on uvloop", "uvloop", ("aiofastnet", "uvloop")),
    OURS: Contestant("this project", "loop_selector", ("loop-selector",)),
}
"""In the order of the tables' columns. Two more are no loop of this process: the bare server, the compiled build."""


def by_name(name: str) -> Contestant:
    """Look a contestant up; the compiled build is ours in another environment."""
    return CONTESTANTS[OURS if name == COMPILED else name]


def versions() -> dict[str, str]:
    """Name what is installed, and say of the others why they are not there."""
    found: dict[str, str] = {}
    for name, contestant in CONTESTANTS.items():
        try:
            found[name] = contestant.version()
        except (ImportError, importlib.metadata.PackageNotFoundError) as error:
            found[name] = f"not installed ({error})"
    return found
