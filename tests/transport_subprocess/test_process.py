"""The life of a process: its callbacks, their order, its pipes."""

from __future__ import annotations

import asyncio
import contextvars
import fcntl
import os
import signal
import subprocess
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import transport_abc
from tests.transport_subprocess.support import (
    Recorder,
    end_input,
    output_of,
    pipe_files,
    reports_to,
    spawn,
    spawn_shell,
    spawn_with,
    wait,
    write_to,
)
from transport_subprocess import ProcessTransport, ReadPipeTransport, WritePipeTransport

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.usefixtures("exit_watch")

MIB = 1024 * 1024


async def test_everything_is_told_once_and_connection_lost_last() -> None:
    transport, protocol = await spawn("cat")
    assert protocol.names() == ["connection_made"]
    write_to(transport, b"hello")
    await protocol.seen("pipe_data_received", 1)
    end_input(transport)
    await protocol.seen("connection_lost")
    assert protocol.data == {1: b"hello"}
    assert protocol.names()[0] == "connection_made"
    assert protocol.names()[-1] == "connection_lost"
    assert sorted(protocol.names()[1:-1]) == [
        "pipe_connection_lost",
        "pipe_connection_lost",
        "pipe_connection_lost",
        "pipe_data_received",
        "process_exited",
    ]
    assert [event[2] for event in protocol.events if event[0] == "pipe_connection_lost"] == [None] * 3
    assert protocol.error() is None


async def test_transport_tells_about_the_process() -> None:
    transport, protocol = await spawn("cat", stderr=subprocess.DEVNULL)
    popen = transport.get_extra_info("subprocess")
    assert isinstance(popen, subprocess.Popen)
    assert transport.get_pid() == popen.pid
    assert transport.get_returncode() is None
    assert isinstance(transport.get_pipe_transport(0), WritePipeTransport)
    assert isinstance(transport.get_pipe_transport(1), ReadPipeTransport)
    assert transport.get_pipe_transport(2) is None
    assert transport.get_pipe_transport(7) is None
    assert output_of(transport).get_extra_info("pipe") is popen.stdout
    assert isinstance(transport, asyncio.SubprocessTransport)
    assert isinstance(transport, transport_abc.SubprocessTransport)
    assert f"open pid={popen.pid} running" in repr(transport)
    end_input(transport)
    await protocol.seen("connection_lost")
    assert transport.get_pid() == popen.pid
    assert transport.get_returncode() == popen.returncode == 0
    assert f"closed pid={popen.pid} returncode=0" in repr(transport)


@pytest.mark.parametrize(
    ("command", "returncode"), [("exit 0", 0), ("exit 3", 3), ("kill -9 $$", -9), ("kill $$", -15)]
)
async def test_return_code_is_the_exit_code_or_the_negative_signal(command: str, returncode: int) -> None:
    transport, protocol = await spawn_shell(command)
    assert await wait(transport) == returncode
    await protocol.seen("connection_lost")
    assert transport.get_returncode() == returncode
    assert await wait(transport) == returncode


async def test_several_may_wait_and_one_may_give_up() -> None:
    transport, protocol = await spawn("cat")
    waits = [asyncio.ensure_future(wait(transport)) for _ in range(3)]
    await asyncio.sleep(0)
    waits[0].cancel()
    end_input(transport)
    assert await asyncio.gather(*waits[1:]) == [0, 0]
    assert waits[0].cancelled()
    await protocol.seen("connection_lost")


async def test_megabytes_on_both_outputs_at_once_arrive_complete() -> None:
    script = "dd if=/dev/zero bs=65536 count=800 status=none & dd if=/dev/zero bs=65536 count=800 status=none >&2; wait"
    transport, protocol = await spawn_shell(script, stdin=subprocess.DEVNULL)
    await protocol.seen("connection_lost")
    assert transport.get_returncode() == 0
    assert {fd: len(data) for fd, data in protocol.data.items()} == {1: 50 * MIB, 2: 50 * MIB}
    assert protocol.count("pipe_connection_lost") == 2


async def test_input_fed_faster_than_it_is_read_pauses_the_protocol_and_arrives_complete() -> None:
    transport, protocol = await spawn("cat")
    output_of(transport).pause_reading()
    block = os.urandom(MIB)
    for _ in range(8):
        write_to(transport, block)
    assert protocol.names() == ["connection_made", "pause_writing"]
    output_of(transport).resume_reading()
    await protocol.seen("resume_writing")
    end_input(transport)
    await protocol.seen("connection_lost")
    assert bytes(protocol.data[1]) == block * 8
    assert protocol.count("pause_writing") == protocol.count("resume_writing") == 1


async def test_another_protocol_can_take_over() -> None:
    transport, protocol = await spawn("cat")
    write_to(transport, b"first")
    await protocol.seen("pipe_data_received", 1)
    other = Recorder()
    transport.set_protocol(other)
    assert transport.get_protocol() == other
    write_to(transport, b"second")
    end_input(transport)
    await other.seen("connection_lost")
    assert protocol.data == {1: b"first"}
    assert other.data == {1: b"second"}
    assert set(protocol.names()) == {"connection_made", "pipe_data_received"}
    assert "process_exited" in other.names()


async def test_process_that_ends_before_its_input_is_written() -> None:
    transport, protocol = await spawn("true")
    write_to(transport, bytes(4 * MIB))
    await protocol.seen("connection_lost")
    assert transport.get_returncode() == 0
    (lost,) = [event for event in protocol.events if event[:2] == ("pipe_connection_lost", 0)]
    assert isinstance(lost[2], BrokenPipeError)
    assert protocol.error() is None


async def test_process_may_close_its_output_and_live_on() -> None:
    transport, protocol = await spawn_shell("exec >&-; read line; exit 5")
    await protocol.seen("pipe_connection_lost", 1)
    assert transport.get_returncode() is None
    assert "process_exited" not in protocol.names()
    write_to(transport, b"go on\n")
    assert await wait(transport) == 5
    await protocol.seen("connection_lost")


async def test_wait_ends_with_the_process_though_a_grandchild_holds_its_pipes() -> None:
    transport, protocol = await spawn_shell("sleep 60 & echo $!")
    assert await wait(transport) == 0
    await protocol.seen("pipe_data_received", 1)
    grandchild = int(protocol.data[1])
    try:
        await asyncio.sleep(0)
        assert "process_exited" in protocol.names()
        assert ("pipe_connection_lost", 1, None) not in protocol.events
        assert ("pipe_connection_lost", 2, None) not in protocol.events
        assert "connection_lost" not in protocol.names()
        transport.close()
        await protocol.seen("connection_lost")
        assert protocol.count("pipe_connection_lost") == 3
    finally:
        os.kill(grandchild, signal.SIGKILL)


async def test_data_written_before_the_end_arrives_after_it() -> None:
    transport, protocol = await spawn_shell("dd if=/dev/zero bs=1000 count=50 status=none", stderr=None)
    output_of(transport).pause_reading()
    assert await wait(transport) == 0
    assert protocol.data == {}
    output_of(transport).resume_reading()
    await protocol.seen("connection_lost")
    assert len(protocol.data[1]) == 50_000


async def test_three_hundred_processes_at_once() -> None:
    async def run(number: int) -> int:
        transport, protocol = await spawn("sh", "-c", f"exit {number % 7}", stdin=None, stderr=None)
        returncode = await wait(transport)
        await protocol.seen("connection_lost")
        return returncode

    assert await asyncio.gather(*map(run, range(300))) == [number % 7 for number in range(300)]


def test_loops_in_several_threads_each_have_their_children(
    new_loop: Callable[[], asyncio.AbstractEventLoop],
) -> None:
    async def run(number: int) -> bytes:
        transport, protocol = await spawn("cat")
        write_to(transport, b"%d" % number)
        end_input(transport)
        await protocol.seen("connection_lost")
        return bytes(protocol.data[1])

    async def several(numbers: range) -> list[bytes]:
        return await asyncio.gather(*map(run, numbers))

    def in_thread(numbers: range) -> None:
        with asyncio.Runner(loop_factory=new_loop) as runner:
            results[numbers.start] = runner.run(several(numbers))

    results: dict[int, list[bytes]] = {}
    ranges = [range(start, start + 10) for start in (0, 10, 20, 30)]
    threads = [threading.Thread(target=in_thread, args=(numbers,)) for numbers in ranges]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == {numbers.start: [b"%d" % number for number in numbers] for numbers in ranges}


async def test_stopped_process_has_not_ended_and_can_be_continued() -> None:
    transport, protocol = await spawn("cat")
    transport.send_signal(signal.SIGSTOP)
    write_to(transport, b"hello")
    _wait_until_stopped(transport.get_pid())
    other, other_protocol = await spawn("true")
    await other_protocol.seen("connection_lost")
    assert other.get_returncode() == 0
    assert transport.get_returncode() is None
    assert protocol.names() == ["connection_made"]
    transport.send_signal(signal.SIGCONT)
    await protocol.seen("pipe_data_received", 1)
    end_input(transport)
    await protocol.seen("connection_lost")
    assert transport.get_returncode() == 0


def _wait_until_stopped(pid: int) -> None:
    if hasattr(os, "waitid"):
        done = os.waitid(os.P_PID, pid, os.WSTOPPED | os.WNOWAIT)
        assert done is not None
        assert done.si_status == signal.SIGSTOP


async def test_one_descriptor_may_be_given_twice() -> None:
    reading, writing = pipe_files()
    transport, protocol = await spawn_shell("echo out; echo err >&2", stdout=writing, stderr=writing.fileno())
    writing.close()
    assert await wait(transport) == 0
    await protocol.seen("connection_lost")
    assert sorted(reading.read().split()) == [b"err", b"out"]
    assert transport.get_pipe_transport(1) is None
    reading.close()


async def test_error_output_may_go_where_the_output_goes() -> None:
    transport, protocol = await spawn_shell("echo out; echo err >&2", stderr=subprocess.STDOUT)
    await protocol.seen("connection_lost")
    assert protocol.data == {1: b"out\nerr\n"}
    assert transport.get_pipe_transport(2) is None


async def test_process_without_pipes_is_told_of() -> None:
    transport, protocol = await spawn("true", stdin=None, stdout=subprocess.DEVNULL, stderr=None)
    assert await wait(transport) == 0
    await protocol.seen("connection_lost")
    assert protocol.names() == ["connection_made", "process_exited", "connection_lost"]


async def test_process_that_nobody_holds_runs_to_its_end(tmp_path: Path) -> None:
    ended = asyncio.Event()

    class Ending(Recorder):
        def connection_made(self, transport: Any) -> None: ...

        def connection_lost(self, exc: Exception | None) -> None:
            ended.set()

    await spawn_with(
        Ending, "sh", "-c", f"sleep 0.05; echo done > {tmp_path}/file", stdin=None, stdout=None, stderr=None
    )
    async with asyncio.timeout(20):
        await ended.wait()
    assert (tmp_path / "file").read_text() == "done\n"


async def test_callbacks_run_in_the_context_of_the_start() -> None:
    who = contextvars.ContextVar("who", default="nobody")
    seen = []

    class Looking(Recorder):
        def add(self, *event: Any) -> None:
            seen.append((event[0], who.get()))
            super().add(*event)

    who.set("starter")
    transport, protocol = await spawn_with(Looking, "cat")
    who.set("somebody else")
    output_of(transport).pause_reading()
    write_to(transport, bytes(4 * MIB))
    output_of(transport).resume_reading()
    end_input(transport)
    await protocol.seen("connection_lost")
    assert {name for name, _ in seen} >= {"pause_writing", "resume_writing", "pipe_data_received", "process_exited"}
    assert {context for _, context in seen} == {"starter"}


@pytest.mark.parametrize(
    "callback", ["connection_made", "pipe_data_received", "process_exited", "pipe_connection_lost"]
)
async def test_failing_callback_is_reported_once_and_ends_the_process(callback: str) -> None:
    def fail(self: Recorder, *args: Any) -> None:
        raise ZeroDivisionError(callback)

    errors: list[dict[str, Any]] = []
    reports_to(errors)
    failing = type("Failing", (Recorder,), {callback: fail})
    command = "echo data; exec >&-; sleep 60" if callback == "pipe_connection_lost" else "echo data; sleep 60"
    transport, protocol = await spawn_with(failing, "sh", "-c", command, stdin=None, stderr=None)
    if callback == "process_exited":
        await protocol.seen("pipe_data_received", 1)
        transport.kill()
    await protocol.seen("connection_lost")
    assert isinstance(protocol.error(), ZeroDivisionError)
    assert transport.get_returncode() == -9
    assert [error["exception"] for error in errors] == [protocol.error()]
    assert errors[0]["transport"] is transport
    assert errors[0]["protocol"] is protocol
    assert callback in errors[0]["message"]


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="/proc shows the descriptors of other processes")
async def test_children_inherit_the_standard_descriptors_and_no_others() -> None:
    started = [await spawn("cat")]
    reading, writing = pipe_files()
    started.append(await spawn("cat"))
    started.append(await spawn("cat", close_fds=False))
    started.append(await spawn("cat", pass_fds=[writing.fileno()]))
    for transport, protocol in started:  # until it echoes, the linker may have a library open
        write_to(transport, b"hello")
        await protocol.seen("pipe_data_received", 1)
    first, second, third, fourth = (transport for transport, _ in started)
    assert _descriptors_of(first) == _descriptors_of(second) == {0, 1, 2}
    assert _descriptors_of(third) == {0, 1, 2} | _inheritable()
    assert _descriptors_of(fourth) == {0, 1, 2, writing.fileno()}
    for transport, protocol in started:
        end_input(transport)
        await protocol.seen("connection_lost")
    reading.close()
    writing.close()


def _descriptors_of(transport: ProcessTransport) -> set[int]:
    return {int(name) for name in os.listdir(f"/proc/{transport.get_pid()}/fd")}


def _inheritable() -> set[int]:
    found = set()
    for name in os.listdir("/dev/fd"):
        try:
            found |= {int(name)} if os.get_inheritable(int(name)) else set()
        except OSError:  # the one that listed the folder
            continue
    return found


needs_pipe_sizes = pytest.mark.skipif(not hasattr(fcntl, "F_GETPIPE_SZ"), reason="this system has pipes of one size")


def _size(transport: ProcessTransport, fd: int) -> int:
    pipe = transport.get_pipe_transport(fd)
    assert pipe is not None
    return fcntl.fcntl(pipe.get_extra_info("pipe"), fcntl.F_GETPIPE_SZ)


@needs_pipe_sizes
async def test_pipes_are_enlarged_when_they_are_full_and_not_before() -> None:
    transport, protocol = await spawn("cat", stderr=None)
    write_to(transport, b"hello")
    await protocol.seen("pipe_data_received", 1)
    usual = _size(transport, 0)
    assert _size(transport, 1) == usual < 256 * 1024
    output_of(transport).pause_reading()
    write_to(transport, bytes(MIB))
    assert _size(transport, 0) == 256 * 1024
    output_of(transport).resume_reading()
    await protocol.until(lambda: len(protocol.data[1]) > MIB)
    assert _size(transport, 1) == 256 * 1024
    end_input(transport)
    await protocol.seen("connection_lost")


@needs_pipe_sizes
async def test_pipes_that_may_not_be_enlarged_carry_everything_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(fd: int, command: int, argument: int = 0) -> int:
        assert command == fcntl.F_SETPIPE_SZ
        refused.append(argument)
        raise PermissionError(1, "Operation not permitted")

    refused: list[int] = []
    transport, protocol = await spawn("cat", stderr=None)
    with monkeypatch.context() as patch:
        patch.setattr(fcntl, "fcntl", refuse)
        write_to(transport, bytes(MIB))
        end_input(transport)
        await protocol.seen("connection_lost")
    assert protocol.data == {1: bytes(MIB)}
    assert refused[0] == 256 * 1024
    assert len(refused) <= 2  # once for each pipe
