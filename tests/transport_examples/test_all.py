"""``python -m transport_examples``: all demonstrations, the list, and how they are printed."""

from __future__ import annotations

import json
import os
import pkgutil
import subprocess
import threading
from typing import TYPE_CHECKING

import pytest

import transport_examples
from tests.transport_examples.running import INSTALLED, command, needs, run

if TYPE_CHECKING:
    from pathlib import Path


def expected_state(row: dict[str, str | None]) -> str:
    installed = row["transport"] is None or row["transport"] in INSTALLED
    return "ok" if installed else "not installed"


def test_all_demonstrations_run_and_none_fails() -> None:
    pytest.importorskip("trustme")
    done = run("", "--json", "--message", "hello")
    assert done.returncode == 0, done.stdout + done.stderr
    outcomes = json.loads(done.stdout)
    assert [row["state"] for row in outcomes] == list(map(expected_state, outcomes))
    assert {row["transport"] for row in outcomes} >= INSTALLED


def test_every_package_is_shown() -> None:
    shown = {row["package"] for row in json.loads(run("", "--json").stdout)}
    assert shown == {"transport-abc", "loop-selector", "transport-socket", "transport-ssl", "transport-subprocess"}


@pytest.mark.parametrize("message", ["", "line\nline", "grüße", "x" * 5000])
def test_any_message_comes_back(message: str) -> None:
    pytest.importorskip("trustme")
    done = run("", "--json", "--message", message)
    assert [row["detail"] for row in json.loads(done.stdout) if row["state"] == "failed"] == []


def test_without_a_terminal_the_table_is_plain_and_says_what_to_install() -> None:
    pytest.importorskip("trustme")
    done = run("")
    assert done.returncode == 0, done.stdout + done.stderr
    lines = done.stdout.splitlines()
    assert lines[0].split() == ["transport", "example", "state", "ms", "echoed"]
    missing = [line for line in lines if "not installed" in line]
    assert all("pip install " in line for line in missing)
    assert done.stdout.isascii()


def in_a_terminal(*args: str) -> tuple[int, str]:
    """Run with a pseudo-terminal as output, and return the exit code and what was shown."""
    ours, theirs = os.openpty()
    shown: list[bytes] = []

    def look() -> None:
        try:
            while data := os.read(ours, 65536):
                shown.append(data)
        except OSError:  # EIO: the last one who wrote to it is gone
            return

    looking = threading.Thread(target=look)
    looking.start()
    try:
        variables = os.environ | {"TERM": "xterm", "COLUMNS": "80"}
        done = subprocess.run(command("", *args), stdout=theirs, env=variables, timeout=30, check=False)
    finally:
        os.close(theirs)
        looking.join()
        os.close(ours)
    return done.returncode, b"".join(shown).decode()


def test_in_a_terminal_the_table_is_coloured_and_no_wider() -> None:
    pytest.importorskip("rich")
    pytest.importorskip("trustme")
    code, shown = in_a_terminal()
    assert code == 0
    assert "\x1b[32mok" in shown
    assert "─" in shown
    assert "a protocol on stock asyncio" in shown


def test_json_is_the_same_in_a_terminal() -> None:
    _, shown = in_a_terminal("--json")
    assert isinstance(json.loads(shown), list)


def test_the_list_names_every_example_with_a_sentence() -> None:
    done = run("", "list")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    names = [module.name for module in pkgutil.iter_modules(transport_examples.__path__) if module.name[0] != "_"]
    assert lines[::2] == [f"python -m transport_examples.{name}" for name in names]
    assert all(line.startswith("    ") and len(line) > 20 for line in lines[1::2])


def test_the_list_as_json_says_the_same() -> None:
    lines = run("", "list").stdout.splitlines()
    listed = json.loads(run("", "list", "--json").stdout)
    assert [(row["command"], f"    {row['summary']}") for row in listed] == list(
        zip(lines[::2], lines[1::2], strict=True)
    )


def test_help_says_what_can_be_done() -> None:
    done = run("", "--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("usage: python -m transport_examples [-h]")
    for word in ("run", "list", "--json", "--message"):
        assert word in done.stdout


def test_an_unknown_command_is_refused_with_the_known_ones() -> None:
    done = run("", "rnu")
    assert done.returncode == 2
    assert "'run'" in done.stderr or "run, list" in done.stderr


@needs("subprocess")
def test_ctrl_c_ends_it_with_one_word_and_leaves_no_child(tmp_path: Path) -> None:
    """The child of the last demonstration is one that never answers, and presses Ctrl-C by itself."""
    child = tmp_path / "cat"
    child.write_text(f"#!/bin/sh\necho $$ > {tmp_path}/pid\nkill -INT $PPID\nexec sleep 600\n")
    child.chmod(0o755)
    variables = os.environ | {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
    done = subprocess.run(command(""), env=variables, capture_output=True, text=True, timeout=30, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "interrupted\n")
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), 0)
