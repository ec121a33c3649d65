"""What asyncio builds on the transports: create_subprocess_exec() and create_subprocess_shell(), on our loop."""

from __future__ import annotations

import asyncio
import os
import subprocess

import pytest

from tests.transport_subprocess.support import LIMIT
from transport_subprocess import ProcessTransport

PIPE = subprocess.PIPE

LOOPS = ["loop_selector"]  # asyncio's own loop has processes of its own
pytest.importorskip("loop_selector")


async def test_communicate_feeds_the_input_and_returns_both_outputs() -> None:
    process = await asyncio.create_subprocess_exec(
        "sh", "-c", "cat; echo err >&2", stdin=PIPE, stdout=PIPE, stderr=PIPE
    )
    async with asyncio.timeout(LIMIT):
        assert await process.communicate(b"hello") == (b"hello", b"err\n")
    assert process.returncode == 0
    assert isinstance(process._transport, ProcessTransport)  # type: ignore[attr-defined]


async def test_communicate_moves_megabytes_in_both_directions() -> None:
    data = os.urandom(1024 * 1024) * 8
    process = await asyncio.create_subprocess_exec("cat", stdin=PIPE, stdout=PIPE)
    async with asyncio.timeout(LIMIT):
        output, _ = await process.communicate(data)
    assert output == data


async def test_communicate_survives_a_process_that_does_not_read() -> None:
    process = await asyncio.create_subprocess_exec("true", stdin=PIPE, stdout=PIPE)
    async with asyncio.timeout(LIMIT):
        output, errors = await process.communicate(bytes(4 * 1024 * 1024))
    assert output == b""
    assert errors is None  # type: ignore[unreachable,unused-ignore]
    assert process.returncode == 0


async def test_shell_runs_a_command_line() -> None:
    process = await asyncio.create_subprocess_shell("echo a; exit 3", stdout=PIPE)
    output, _ = await process.communicate()
    assert output == b"a\n"
    assert process.returncode == 3


async def test_lines_are_written_and_read_in_turn() -> None:
    process = await asyncio.create_subprocess_exec("cat", stdin=PIPE, stdout=PIPE)
    assert process.stdin is not None
    assert process.stdout is not None
    for number in range(10):
        process.stdin.write(b"line %d\n" % number)
        await process.stdin.drain()
        assert await process.stdout.readline() == b"line %d\n" % number
    process.stdin.close()
    await process.stdin.wait_closed()
    assert await process.wait() == 0


async def test_drain_waits_for_a_process_that_reads_slowly() -> None:
    process = await asyncio.create_subprocess_shell("read line; cat >/dev/null", stdin=PIPE)
    assert process.stdin is not None
    process.stdin.write(bytes(1024 * 1024))
    draining = asyncio.ensure_future(process.stdin.drain())
    await asyncio.sleep(0)
    assert not draining.done()
    process.stdin.write(b"\n")
    async with asyncio.timeout(LIMIT):
        await draining
    process.stdin.close()
    assert await process.wait() == 0


async def test_wait_ends_with_the_process_though_a_grandchild_holds_its_output() -> None:
    process = await asyncio.create_subprocess_shell("sleep 60 & echo $!", stdout=PIPE)
    assert process.stdout is not None
    grandchild = int(await process.stdout.readline())
    try:
        async with asyncio.timeout(LIMIT):
            assert await process.wait() == 0
    finally:
        os.kill(grandchild, 9)
    assert await process.stdout.read() == b""


async def test_cancelled_communicate_leaves_a_process_that_can_be_killed() -> None:
    process = await asyncio.create_subprocess_exec("sleep", "60", stdout=PIPE)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(process.communicate(), 0.05)
    process.kill()
    assert await process.wait() == -9


async def test_period_of_grace_can_be_given() -> None:
    command = "trap 'exit 3' TERM; echo ready; while :; do sleep 0.02; done"
    process = await asyncio.create_subprocess_shell(command, stdout=PIPE, grace_period=LIMIT)  # type: ignore[call-arg]
    assert process.stdout is not None
    await process.stdout.readline()
    process._transport.close()  # type: ignore[attr-defined]
    assert await process.wait() == 3
