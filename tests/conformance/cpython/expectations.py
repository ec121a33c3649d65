"""What is not expected to pass: the list in ``differences.toml``."""

from __future__ import annotations

import fnmatch
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path

FILE = Path(__file__).with_name("differences.toml")

KINDS = ("left out", "difference")


@dataclass(frozen=True)
class Entry:
    """One line of the list.

    Args:
        test: module, class and method; ``*`` stands for anything.
        kind: "left out" if it is not run because it looks inside asyncio's own loop, "difference" if it is run and
            fails because the loop deliberately does better.
        reason: why.
        pythons: the versions ("3.12") it holds for; empty for all.
    """

    test: str
    kind: str
    reason: str
    pythons: tuple[str, ...] = ()

    def matches(self, test: str) -> bool:
        return fnmatch.fnmatchcase(test, self.test)


def read(file: Path = FILE, python: str | None = None) -> list[Entry]:
    """Read the entries that hold for a Python version, by default for the running one."""
    version = python or f"{sys.version_info[0]}.{sys.version_info[1]}"
    return [entry for entry in read_all(file) if not entry.pythons or version in entry.pythons]


def read_all(file: Path = FILE) -> list[Entry]:
    """Read every entry.

    Raises:
        ValueError: if an entry lacks a reason, or its kind is unknown.
    """
    entries = []
    for reason in tomllib.loads(file.read_text())["reason"]:
        if reason["kind"] not in KINDS or not reason["why"].strip():
            raise ValueError(f"expected a kind of {KINDS!r} and a reason, found {reason!r}")
        why, pythons = " ".join(reason["why"].split()), tuple(reason.get("pythons", ()))
        entries += [Entry(test, reason["kind"], why, pythons) for test in reason["tests"]]
    return entries
