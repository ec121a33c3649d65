"""What a case is: something that a loop does a number of times, at a price per time.

A served case is a server that the load generator calls from another processor; a local case does its work by itself.
Both are asynchronous context managers, entered on the loop under test in a process of their own: what is done on
entry and exit is not measured.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from contextlib import AbstractAsyncContextManager
    from pathlib import Path

Group = Literal["echo", "tls", "connect", "bulk", "scheduler", "process", "memory", "startup", "web", "growth"]

Mode = Literal["echo", "connect", "hold", "http"]
"""What the load generator does: echo on open connections, one connection a request, open connections and keep them, or
HTTP requests (made by wrk)."""


@dataclass(frozen=True)
class Place:
    """Where a worker runs."""

    folder: Path
    """A temporary folder of this measurement, for sockets and files."""
    certificate: Path
    """Private key and certificate of 127.0.0.1, in one file."""
    other_processor: int
    """The processor that the worker is not pinned to: for its children that make or take data."""


Work = Callable[[int], Awaitable[float | None]]
"""Do something a number of times. Returns its cost in seconds when that is not what the process has used."""


@dataclass(frozen=True, kw_only=True)
class Case:
    """What served and local cases have in common."""

    name: str
    about: str
    group: Group
    count: int
    """How many units one round of a full run does."""
    unit: str = "request"
    transports: bool = True
    """Whether loop methods that aiofastnet replaces are used."""


@dataclass(frozen=True, kw_only=True)
class Load:
    """What the load generator does to a server."""

    mode: Mode = "echo"
    type: Literal["stream", "datagram"] = "stream"
    tls: bool = False
    connections: int = 50
    size: int = 1024
    """Bytes of a message."""
    idle: int = 0
    """How many more connections are open and silent."""


@dataclass(frozen=True, kw_only=True)
class Served(Case):
    """A server, whose address is a port of 127.0.0.1 or a path."""

    server: Callable[[Place], AbstractAsyncContextManager[str]]
    load: Load = field(default_factory=Load)
    floor: Literal["port", "path"] | None = "port"
    """What the bare server listens on for comparison, if it can serve this at all."""
    memory: bool = False
    """Whether the figure is bytes a connection, not processor time."""


@dataclass(frozen=True, kw_only=True)
class Local(Case):
    """Work that needs no load generator."""

    work: Callable[[Place], AbstractAsyncContextManager[Work]]
    children: bool = False
    """Whether the time used by child processes counts."""
