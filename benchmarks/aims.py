"""What was aimed at: how many times as much as ours each rival should cost, at the least."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from benchmarks.case import Group

AIMS: dict[Group, dict[str, float]] = {
    "echo": {"asyncio": 1.5, "uvloop": 1.0, "aiofastnet": 1.0},
    "tls": {"asyncio": 1.5, "uvloop": 1.5, "aiofastnet": 1.0},
    "connect": {"uvloop": 1.0, "aiofastnet": 1.0},
    "bulk": {"uvloop": 1.0, "aiofastnet": 1.0},
    "scheduler": {"asyncio": 1.5, "uvloop": 1.0},
    "process": {"asyncio": 1.0, "uvloop": 2.0},
    "memory": {"uvloop": 1.0},
    "startup": {"uvloop": 1.0},
    "web": {"uvloop": 1.0},
    "growth": {"uvloop": 1.0},
}


def aim(group: Group, rival: str) -> float | None:
    """Look up an aim; None where there is none."""
    return AIMS[group].get(rival)
