"""The programs of the documentation that need a library: they run, and their types are right."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs.blocks import ROOT, Block, all_blocks, libraries, write_modules
from tests.docs.running import Workplace, connect_when_listening
from tests.docs.test_blocks import check_program
from tests.ecosystem.support import free_port, library, running
from tests.support import listening, read_until_eof

PROGRAMS = [block for block in all_blocks("python") if libraries(block)]


@pytest.mark.parametrize("block", [block for block in PROGRAMS if not block.is_fragment], ids=str)
def test_program_runs(block: Block, tmp_path: Path) -> None:
    for name in libraries(block):
        library(name)
    check_program(block, tmp_path)


@pytest.mark.timeout(180)
def test_types_are_right(tmp_path: Path) -> None:
    """Libraries without types are taken as they are."""
    library("mypy")
    write_modules(tmp_path)
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--explicit-package-bases", "--allow-untyped-calls", str(tmp_path)],
        env={**os.environ, "MYPYPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=170,
        check=False,
    )
    assert done.returncode == 0, done.stdout


def ask(address: tuple[str, int]) -> bytes:
    """Ask the application of the page which loop it runs on."""
    with connect_when_listening(address[1]) as sock:
        sock.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        return read_until_eof(sock).partition(b"\r\n\r\n")[2]


@pytest.mark.parametrize("processes", [["--workers", "2"], []], ids=["workers", "inherited socket"])
def test_uvicorn_runs_as_the_pages_say(processes: list[str], tmp_path: Path) -> None:
    library("uvicorn")
    place = Workplace(tmp_path, ROOT / "docs/how-to/switch-libraries.md")
    with listening() as sock:
        where = ["--port", str(free_port())] if processes else ["--fd", str(sock.fileno())]
        command = ["uvicorn", "application:app", *where, *processes, "--loop", "loop_selector:new_event_loop"]
        options = {"cwd": tmp_path, "env": place.environment(), "pass_fds": [sock.fileno()]}
        with running([sys.executable, "-m", *command], **options):
            address = ("127.0.0.1", int(where[1])) if processes else sock.getsockname()
            assert {ask(address) for _ in range(5)} == {b"loop_selector"}
