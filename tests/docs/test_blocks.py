"""Every block of code in the documentation and the READMEs does what it says; see blocks.py for the marks."""

from __future__ import annotations

import configparser
import re
import shutil
import subprocess
import tomllib
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from tests.docs.blocks import ROOT, Block, all_blocks, blocks_of, missing
from tests.docs.commands import commands, faults, lines_of
from tests.docs.running import Workplace, is_like
from tests.support import TIMEOUT

if TYPE_CHECKING:
    from pathlib import Path

PYTHON = all_blocks("python")
PROGRAMS = [block for block in PYTHON if not block.is_fragment]
SHELL = all_blocks("sh", "console")


@pytest.mark.parametrize("block", all_blocks(), ids=str)
def test_every_block_is_of_a_kind_that_is_tested(block: Block) -> None:
    assert block.faults == []


def test_the_files_of_all_pages_have_different_names() -> None:
    """So that a type checker can look at all of them at once."""
    names = Counter(block.module for block in PYTHON)
    assert [name for name, count in names.items() if count > 1] == []


@pytest.mark.parametrize("block", PYTHON, ids=str)
def test_python_compiles(block: Block) -> None:
    compile(block.text, str(block), "exec")


def check_program(block: Block, folder: Path) -> None:
    """Run a program, or start and interrupt a server, and compare what it prints with what the page says."""
    workplace = Workplace(folder, block.page)
    if block.is_server:
        with workplace.serving(block):
            return
    done = workplace.run(block)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr == ""
    output = output_of(block)
    assert output is None or is_like(done.stdout, workplace.localised(output)), done.stdout


def output_of(block: Block) -> str | None:
    """Return the output that the page gives for a program, if it does."""
    others = blocks_of(block.page)
    following = others[others.index(block) + 1 :][:1]
    return following[0].text if following and "output" in following[0].words else None


@pytest.mark.parametrize("block", PROGRAMS, ids=str)
def test_program_runs(block: Block, tmp_path: Path) -> None:
    if names := missing(block):
        pytest.skip(f"{', '.join(names)} is not installed; `nox -s ecosystem` has it")
    check_program(block, tmp_path)


@pytest.mark.parametrize("block", [block for block in all_blocks("text") if "tree" in block.words], ids=str)
def test_every_module_of_a_drawing_exists(block: Block) -> None:
    names = re.findall(r"\w+(?:/\w+)*\.py", block.text)
    assert names
    assert [name for name in names if not list(ROOT.glob(f"packages/*/src/**/{name}"))] == []


@pytest.mark.parametrize("block", [block for block in all_blocks("text") if "output" in block.words], ids=str)
def test_output_follows_a_program(block: Block) -> None:
    others = blocks_of(block.page)
    before = others[others.index(block) - 1]
    assert before.language == "python"
    assert not before.is_fragment
    assert not before.is_server


@pytest.mark.parametrize("block", SHELL, ids=str)
def test_commands_name_what_exists(block: Block) -> None:
    files = {other.file for other in all_blocks() if other.file}
    found = [fault for line in lines_of(block) for command in commands(line) for fault in faults(command, files)]
    assert found == []
    assert lines_of(block), "no command"


@pytest.mark.parametrize("block", [block for block in SHELL if "run" in block.words], ids=str)
def test_commands_run(block: Block, tmp_path: Path) -> None:
    programs = {command[0] for line in lines_of(block) for command in commands(line)}
    if absent := [name for name in programs - {"python"} if shutil.which(name) is None]:
        pytest.skip(f"{', '.join(absent)} is not installed")
    workplace = Workplace(tmp_path, block.page)
    for line, output in with_output(block):
        done = subprocess.run(
            ["bash", "-c", workplace.localised(line)],
            cwd=tmp_path,
            env=workplace.environment(),
            capture_output=True,
            text=True,
            timeout=2 * TIMEOUT,
            check=False,
        )
        assert done.returncode == 0, f"{line}: {done.stdout}{done.stderr}"
        assert not output or is_like(done.stdout, output), done.stdout


def with_output(block: Block) -> list[tuple[str, str]]:
    """Return the commands of a block, each with the output that the page gives for it."""
    if block.language == "sh":
        return [(line, "") for line in lines_of(block)]
    parts = ("\n" + block.text).split("\n$ ")[1:]
    return [(command, output) for command, _, output in (part.partition("\n") for part in parts)]


@pytest.mark.parametrize("block", all_blocks("toml"), ids=str)
def test_toml_parses(block: Block) -> None:
    assert tomllib.loads(block.text)


@pytest.mark.parametrize("block", all_blocks("ini"), ids=str)
def test_unit_files_have_sections(block: Block) -> None:
    parser = configparser.ConfigParser(strict=False, interpolation=None)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read_string(block.text)
    assert parser.sections()
