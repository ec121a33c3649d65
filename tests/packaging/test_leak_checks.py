"""The checks of ``tests/conftest.py`` fail the tests that they are meant to fail, and say why."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

LEAKY_TESTS = """
import asyncio, logging, os, socket, subprocess, sys, threading
kept = []
near, far = socket.socketpair()

def test_clean():
    asyncio.run(asyncio.sleep(0))

def test_expected_report(caplog):
    logging.getLogger("asyncio").error("it broke")

def test_leaves_socket():
    kept.append(socket.socketpair())

def test_leaves_thread():
    threading.Thread(target=near.recv, args=[1], daemon=True, name="lingerer").start()

def test_leaves_child():
    kept.append(subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE))

def test_leaves_task():
    loop = asyncio.new_event_loop()
    kept.append(loop.create_task(asyncio.sleep(0), name="left over"))
    loop.close()

def test_leaves_report():
    logging.getLogger("asyncio").error("it broke")
"""

NAMED = {
    "socket": "descriptor [0-9]+: socket:",
    "thread": "thread [0-9]+: lingerer",
    "child": "child process [0-9]+: python",
    "task": "pending task [0-9]+: left over",
    "report": "reported to the logger 'asyncio':\nit broke",
}


@pytest.fixture(scope="module")
def printed(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What pytest prints about the tests above, run under the rules of this repository."""
    file = tmp_path_factory.mktemp("leaky") / "test_leaky.py"
    file.write_text(LEAKY_TESTS)
    command = [sys.executable, "-m", "pytest", "-p", "tests.conftest", "-c", "pyproject.toml", str(file)]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, timeout=50, check=False)
    return done.stdout


def test_only_the_leaky_tests_fail(printed: str) -> None:
    assert f"7 passed, {len(NAMED)} errors" in printed
    assert set(re.findall("ERROR at teardown of test_leaves_([a-z]+)", printed)) == set(NAMED)


@pytest.mark.parametrize("leak", NAMED)
def test_what_is_left_behind_is_named(leak: str, printed: str) -> None:
    _, _, after = printed.partition(f"ERROR at teardown of test_leaves_{leak}")
    report, _, _ = after.partition("ERROR at teardown")
    assert re.search(NAMED[leak], report)
