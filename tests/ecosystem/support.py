"""What the cases share: libraries and servers that may be missing, and processes that announce themselves.

Libraries are imported by `library`, so that a type checker needs none of them.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from loop_selector import SelectorEventLoop

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

REQUIREMENTS = "tests/ecosystem/requirements.txt"
PAYLOAD = bytes(range(256)) * 4096
"""One MiB in which a lost, doubled or moved piece shows."""


def library(name: str) -> Any:
    """Import a library, or skip the module and say how to install it."""
    return pytest.importorskip(name, reason=f"{name} is not installed: pip install -r {REQUIREMENTS}")


def older(name: str) -> Path:
    """Find the folder of libraries that are installed apart in an older version, or skip."""
    folder = os.environ.get("ECOSYSTEM_OLDER")
    if folder is None or not Path(folder, name).is_dir():
        pytest.skip(f"an older {name} is not installed in $ECOSYSTEM_OLDER, as `nox -s ecosystem` does")
    return Path(folder)


def program(name: str, package: str, *folders: Path) -> str:
    """Find a server's program in some folders or on PATH, or skip and name Debian's package."""
    for folder in [*folders, None]:
        if found := shutil.which(name, path=folder and str(folder)):
            return found
    pytest.skip(f"{name} is not installed: apt-get install {package}")


def assert_on_our_loop() -> None:
    """Make sure that the case runs on the loop that it is about."""
    assert type(asyncio.get_running_loop()) is SelectorEventLoop


def free_port() -> int:
    """Find a TCP port that was free just now, for programs that cannot choose one by themselves."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


@contextlib.contextmanager
def python(*args: str, cwd: Path, **options: Any) -> Iterator[subprocess.Popen[str]]:
    """Run a Python program beside the body; it is terminated, and has to end, when the body is left."""
    with running([sys.executable, *args], cwd=cwd, **options) as process:
        yield process


@contextlib.contextmanager
def running(command: Sequence[str], **options: Any) -> Iterator[subprocess.Popen[str]]:
    """Run a program beside the body, its output in one pipe; it is terminated and waited for when the body is left."""
    output = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    with subprocess.Popen(command, **{**output, **options}) as process:
        try:
            yield process
        finally:
            process.terminate()
            try:
                process.communicate(timeout=60)
            except subprocess.TimeoutExpired:
                process.kill()
                raise


def wait_for_line(process: subprocess.Popen[str], text: str) -> str:
    """Read what a program prints up to the line that holds a text; fail with all of it if that never comes."""
    assert process.stdout is not None
    seen = []
    for line in process.stdout:
        seen.append(line)
        if text in line:
            return line
    pytest.fail(f"ended without {text!r}:\n{''.join(seen)}")
