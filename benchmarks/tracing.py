"""Count the system calls of a process with strace, where it is installed and allowed."""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
from contextlib import contextmanager
from typing import TYPE_CHECKING

from benchmarks.peer import Absent

if TYPE_CHECKING:
    from collections.abc import Iterator

_ROW = re.compile(r"^\s*[\d.]+\s+[\d.]+\s+\d+\s+(\d+)\s+(?:\d+\s+)?(\w+)$", re.MULTILINE)


@contextmanager
def counting(pid: int) -> Iterator[dict[str, int]]:
    """Count the calls of a process by name while the block runs; the dictionary is filled at its end.

    Raises:
        Absent: if there is no strace, or it may not attach.
    """
    strace = shutil.which("strace")
    if strace is None:
        raise Absent("strace is not installed")
    counts: dict[str, int] = {}
    command = [strace, "-c", "-f", "-p", str(pid)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as tracer:
        assert tracer.stderr is not None
        attached = tracer.stderr.readline()
        if "attached" not in attached:
            raise Absent(attached.strip() or "strace does not attach")
        try:
            yield counts
        finally:
            tracer.send_signal(signal.SIGINT)
            counts.update(parse(tracer.stderr.read()))


def parse(table: str) -> dict[str, int]:
    """Read strace's summary: calls by name, without the line that adds them up."""
    return {name: int(calls) for calls, name in _ROW.findall(table) if name != "total"}
