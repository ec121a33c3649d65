"""What the tests of the pages are there to find, they find."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.docs.blocks import ROOT, Block, blocks_of, libraries
from tests.docs.commands import commands, faults
from tests.docs.running import Workplace, is_like
from tests.docs.test_blocks import check_program
from tests.support import TIMEOUT

PAGE = ROOT / "docs" / "index.md"


def block(info: str, text: str = "") -> Block:
    language, *words = info.split() or [""]
    return Block(PAGE, 1, language, tuple(words), text)


@pytest.mark.parametrize("info", ["", "rust", "{code-block}", "python sever", "text", "toml run", "sh server"])
def test_block_that_no_test_would_look_at_is_refused(info: str) -> None:
    assert block(info).faults


@pytest.mark.parametrize("info", ["python", "python a.py server after:b.py", "sh run", "text output", "ini a.ini"])
def test_block_with_known_marks_is_accepted(info: str) -> None:
    assert block(info).faults == []


@pytest.mark.parametrize(
    "line",
    [
        "nox -s test",
        "nox -s bench -- --fast",
        "python -m transport_examples.echo",
        "python -m transport_examples --quick",
        "python absent.py",
        "pip install 'loop-selector[tls]'",
        "pip install loop-selektor",
        "uvicorn application:app --loop loop_selector:event_loop",
        "true && make all",
    ],
)
def test_command_that_names_what_does_not_exist_is_found(line: str) -> None:
    assert [fault for command in commands(line) for fault in faults(command, {"application.py"})]


@pytest.mark.parametrize(
    "line",
    [
        "python3 -m venv .venv && .venv/bin/nox -s tests-3.12 -- -k tcp",
        "A=1 python -m transport_examples --json > out.json",
        "python -m pip install 'loop-selector[socket]'",
        "uvicorn application:app --loop loop_selector:new_event_loop",
    ],
)
def test_command_that_names_what_exists_passes(line: str) -> None:
    assert [fault for command in commands(line) for fault in faults(command, {"application.py"})] == []


@pytest.mark.parametrize(
    "program",
    ["raise SystemExit(3)", "import sys; sys.stderr.write('no')", "import warnings; warnings.warn('no')", "1 +"],
)
def test_program_that_fails_warns_or_complains_is_found(program: str, tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"```python\n{program}\n```\n")
    (only,) = blocks_of(page)
    with pytest.raises(AssertionError):
        check_program(only, tmp_path)


@pytest.mark.parametrize("program", ["print('ready')", "print('ready', flush=True); raise ValueError"])
def test_server_that_ends_by_itself_is_found(program: str, tmp_path: Path) -> None:
    server = block("python server", program)
    with pytest.raises(AssertionError, match="ended by itself"), Workplace(tmp_path, PAGE).serving(server) as process:
        process.wait(TIMEOUT)


def test_server_that_fails_when_it_is_interrupted_is_found(tmp_path: Path) -> None:
    program = (
        "import time\ntry:\n    print('ready', flush=True)\n    time.sleep(60)\nexcept KeyboardInterrupt:\n    1 / 0"
    )
    with pytest.raises(AssertionError, match="ZeroDivisionError"):
        check_server(block("python server", program), tmp_path)


def check_server(server: Block, folder: Path) -> None:
    with Workplace(folder, PAGE).serving(server):
        pass


def test_output_is_compared_line_by_line() -> None:
    assert is_like("a 1\nb 2 \n", "a …\nb 2\n")
    assert not is_like("a 1\nb 2\n", "a …\n")
    assert not is_like("a 1\n", "a 2\n")


def test_libraries_are_told_from_our_own_packages() -> None:
    assert libraries(block("python", "import asyncio, aiohttp, loop_selector\nfrom anyio import run")) == {
        "aiohttp",
        "anyio",
    }


def test_documented_package_can_be_built_installed_and_found_by_name(tmp_path: Path) -> None:
    """Build the wheel of the page "Writing a transport", and unpack it, which is to install it."""
    pytest.importorskip("hatchling", reason="hatchling builds the wheel of the page")
    page = ROOT / "docs" / "writing-a-transport.md"
    source, site = tmp_path / "source", tmp_path / "site"
    source.mkdir()
    Workplace(source, page)
    build = [sys.executable, "-m", "hatchling", "build", "--target", "wheel"]
    done = subprocess.run(build, cwd=source, capture_output=True, text=True, check=False, timeout=50)
    assert done.returncode == 0, done.stderr
    (wheel,) = (source / "dist").iterdir()
    zipfile.ZipFile(wheel).extractall(site)
    (program,) = [block.text for block in blocks_of(page) if 'loop.plugin("socketpair", StreamPlugin)' in block.text]
    command = [sys.executable, "-c", program]
    done = subprocess.run(
        command, cwd=tmp_path, env={"PYTHONPATH": str(site)}, capture_output=True, text=True, check=False, timeout=20
    )
    assert (done.stdout, done.stderr) == ("b'hello'\n", "")
