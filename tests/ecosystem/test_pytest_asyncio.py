"""pytest-asyncio on the loop: its hook for loop factories, in a run of its own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.ecosystem.support import library

library("pytest_asyncio")

HOOK = """
from loop_selector import new_event_loop

def pytest_asyncio_loop_factories(config, item):
    return {"loop_selector": new_event_loop}
"""
SETTINGS = """
[pytest]
asyncio_mode = auto
asyncio_default_fixture_loop_scope = function
"""
TESTS = """
import asyncio
import pytest
import pytest_asyncio
from loop_selector import SelectorEventLoop

@pytest_asyncio.fixture
async def connection():
    async def echo(reader, writer):
        writer.write(await reader.readline())
        writer.close()
        await writer.wait_closed()
    async with await asyncio.start_server(echo, "127.0.0.1", 0) as server:
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        yield reader, writer
        writer.close()
        await writer.wait_closed()

async def test_fixture_and_test_share_the_loop(connection):
    assert type(asyncio.get_running_loop()) is SelectorEventLoop
    reader, writer = connection
    writer.write(b"hello\\n")
    assert await reader.read() == b"hello\\n"

@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("number", range(3))
async def test_wider_scopes_work(number):
    assert type(asyncio.get_running_loop()) is SelectorEventLoop
"""


def test_the_hook_gives_tests_and_fixtures_our_loop(tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text(HOOK)
    (tmp_path / "test_it.py").write_text(TESTS)
    (tmp_path / "pytest.ini").write_text(SETTINGS)
    command = [sys.executable, "-m", "pytest", "-W", "error"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "4 passed" in done.stdout
