"""Running the examples as a user does: as processes, from the command line."""

from __future__ import annotations

import signal
import subprocess
import sys
from contextlib import contextmanager
from importlib.metadata import entry_points
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

INSTALLED = {entry.name for entry in entry_points(group="transport_abc.transports")}


def needs(transport: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(transport not in INSTALLED, reason=f"the {transport} transport is not installed")


def command(name: str, *args: str) -> list[str]:
    return [sys.executable, "-W", "error", "-m", f"transport_examples{name}", *args]


def run(name: str, *args: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command(name, *args), capture_output=True, text=True, timeout=30, check=False)


@contextmanager
def started(name: str, *args: str) -> Iterator[subprocess.Popen[str]]:
    """Start a program; if the body fails, do not wait for it to end by itself."""
    with subprocess.Popen(command(name, *args), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            yield process
        except BaseException:
            process.kill()
            raise


def next_line(process: subprocess.Popen[str], beginning: str) -> str:
    """Read what a program says next, after this beginning."""
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line.startswith(beginning), (line, process.communicate(timeout=10))
    return line.removeprefix(beginning).strip()


def interrupt(process: subprocess.Popen[str]) -> str:
    """Press Ctrl-C, check that the program ends with one word about it, and return what it had said before."""
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=10)
    assert process.returncode == 130
    assert errors.endswith("interrupted\n")
    return errors.removesuffix("interrupted\n")


@contextmanager
def serving(name: str, *args: str) -> Iterator[str]:
    """Run a server and give what it says it listens on; at the end, interrupt it and check that it ends cleanly."""
    with started(name, *args) as server:
        yield next_line(server, "listening on ")
        assert interrupt(server) == ""


def port_of(address: str) -> str:
    return address.rpartition(", ")[2].rstrip(")")
