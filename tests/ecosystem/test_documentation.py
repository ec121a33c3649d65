"""The programs of the documentation that need a library: they run, and their types are right."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs.blocks import Block, all_blocks, libraries, write_modules
from tests.docs.test_blocks import check_program
from tests.ecosystem.support import library

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
