"""Processes end: signals, close(), the period of grace, loops that are closed under them."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import subprocess
import sys
import threading
import warnings
from typing import TYPE_CHECKING, Any

import pytest

from tests.transport_subprocess.support import (
    LIMIT,
    Recorder,
    end_input,
    reports_to,
    spawn,
    spawn_shell,
    wait,
    write_to,
)
from transport_subprocess import ProcessTransport, ReadPipeTransport, SubprocessPlugin, WritePipeTransport

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.usefixtures("exit_watch")

IGNORES_SIGTERM = "trap '' TERM; echo ready; while :; do sleep 0.02; done"
ENDS_WITH_SIGTERM = "trap 'echo bye; exit 3' TERM; echo ready; while :; do sleep 0.02; done"


@pytest.mark.parametrize(("method", "number"), [("terminate", signal.SIGTERM), ("kill", signal.SIGKILL)])
async def test_terminate_and_kill_send_their_signals(method: str, number: int) -> None:
    transport, protocol = await spawn("cat")
    getattr(transport, method)()
    assert await wait(transport) == -number
    await protocol.seen("connection_lost")


async def test_any_signal_can_be_sent() -> None:
    transport, protocol = await spawn_shell("trap 'exit 7' USR1; echo ready; while :; do sleep 0.02; done")
    await protocol.seen("pipe_data_received", 1)
    transport.send_signal(signal.SIGUSR1)
    assert await wait(transport) == 7
    await protocol.seen("connection_lost")


async def test_signals_to_a_process_that_has_ended_raise() -> None:
    transport, protocol = await spawn("true")
    await wait(transport)
    for send in (transport.terminate, transport.kill, lambda: transport.send_signal(signal.SIGUSR1)):
        with pytest.raises(ProcessLookupError):
            send()
    await protocol.seen("connection_lost")
    with pytest.raises(ProcessLookupError):
        transport.kill()


async def test_signal_to_a_process_whose_end_was_not_noticed_yet_has_no_effect() -> None:
    transport, protocol = await spawn("true", stdout=None)
    os.waitid(os.P_PID, transport.get_pid(), os.WEXITED | os.WNOWAIT)  # noqa: ASYNC222 - it ends at once
    transport.terminate()
    assert await wait(transport) == 0
    await protocol.seen("connection_lost")


async def test_close_kills_at_once() -> None:
    transport, protocol = await spawn_shell(IGNORES_SIGTERM)
    await protocol.seen("pipe_data_received", 1)
    transport.close()
    transport.close()
    assert transport.is_closing()
    assert "process_exited" not in protocol.names()
    await protocol.seen("connection_lost")
    assert transport.get_returncode() == -signal.SIGKILL
    assert protocol.count("process_exited") == protocol.count("connection_lost") == 1
    assert protocol.count("pipe_connection_lost") == 3
    assert protocol.error() is None


async def test_close_drops_what_the_process_has_not_read() -> None:
    transport, protocol = await spawn("sleep", "60")
    write_to(transport, bytes(1024 * 1024))
    transport.close()
    await protocol.seen("connection_lost")
    assert ("pipe_connection_lost", 0, None) in protocol.events


async def test_closed_in_connection_made() -> None:
    class Closing(Recorder):
        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            transport.close()

    transport, protocol = await SubprocessPlugin().spawn(asyncio.get_running_loop(), Closing, ["sleep", "60"])
    await protocol.seen("connection_lost")
    assert transport.get_returncode() == -signal.SIGKILL
    assert protocol.names()[0] == "connection_made"
    assert protocol.names()[-1] == "connection_lost"


async def test_close_after_the_end_changes_nothing() -> None:
    transport, protocol = await spawn("true")
    await protocol.seen("connection_lost")
    names = protocol.names()
    transport.close()
    transport.abort()
    await asyncio.sleep(0)
    assert protocol.names() == names
    assert transport.get_returncode() == 0


async def test_process_uses_its_period_of_grace() -> None:
    transport, protocol = await spawn_shell(ENDS_WITH_SIGTERM, grace_period=LIMIT)
    await protocol.seen("pipe_data_received", 1)
    transport.close()
    assert await wait(transport) == 3
    await protocol.seen("connection_lost")
    assert protocol.data == {1: b"ready\n"}  # what it wrote after close() was read, and dropped


async def test_process_sees_the_end_of_its_input_in_the_period_of_grace() -> None:
    transport, protocol = await spawn_shell("trap '' TERM; echo ready; cat >/dev/null; exit 4", grace_period=LIMIT)
    await protocol.seen("pipe_data_received", 1)
    transport.close()
    assert await wait(transport) == 4
    await protocol.seen("connection_lost")


async def test_process_may_write_much_in_its_period_of_grace() -> None:
    command = (
        "trap 'dd if=/dev/zero bs=65536 count=16 status=none; exit 3' TERM; echo ready; while :; do sleep 0.02; done"
    )
    transport, protocol = await spawn_shell(command, grace_period=LIMIT)
    await protocol.seen("pipe_data_received", 1)
    transport.close()
    assert await wait(transport) == 3
    await protocol.seen("connection_lost")
    assert protocol.data == {1: b"ready\n"}


async def test_process_that_ignores_sigterm_is_killed_after_the_period_of_grace() -> None:
    transport, protocol = await spawn_shell(IGNORES_SIGTERM, grace_period=0.1)
    await protocol.seen("pipe_data_received", 1)
    started = asyncio.get_running_loop().time()
    transport.close()
    await protocol.seen("connection_lost")
    assert asyncio.get_running_loop().time() - started >= 0.1
    assert transport.get_returncode() == -signal.SIGKILL


async def test_abort_ends_the_period_of_grace() -> None:
    transport, protocol = await spawn_shell(IGNORES_SIGTERM, grace_period=3600)
    await protocol.seen("pipe_data_received", 1)
    transport.close()
    transport.abort()
    await protocol.seen("connection_lost")
    assert transport.get_returncode() == -signal.SIGKILL
    assert protocol.error() is None


async def test_grandchild_does_not_hold_up_the_end_of_the_period_of_grace() -> None:
    transport, protocol = await spawn_shell("sleep 60 & echo $!; wait", grace_period=LIMIT)
    await protocol.seen("pipe_data_received", 1)
    try:
        transport.close()
        await protocol.seen("connection_lost")
        assert transport.get_returncode() == -signal.SIGTERM
    finally:
        os.kill(int(protocol.data[1]), signal.SIGKILL)


@pytest.mark.parametrize("grace_period", [-1, float("nan")])
async def test_grace_period_must_not_be_negative(grace_period: float) -> None:
    with pytest.raises(ValueError, match="expected a grace_period of 0 seconds or more, not"):
        await spawn("true", grace_period=grace_period)


@pytest.mark.parametrize("grace_period", [0, LIMIT])
async def test_process_that_may_not_be_killed_is_reported(grace_period: float, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: Any) -> None:
        raise PermissionError(1, "Operation not permitted")

    errors: list[dict[str, Any]] = []
    reports_to(errors)
    transport, protocol = await spawn("cat", grace_period=grace_period)
    with monkeypatch.context() as patch:  # as the system would for a program with other rights
        patch.setattr(os, "kill", refuse)
        patch.setattr(signal, "pidfd_send_signal", refuse, raising=False)
        transport.close()
    await protocol.seen("connection_lost")  # its input has ended
    assert transport.get_returncode() in (0, -signal.SIGPIPE)
    assert [type(error["exception"]) for error in errors] == [PermissionError]
    assert errors[0]["transport"] is transport


# -- the loop ends first -----------------------------------------------------------------------------------------------


def _abandoned(new_loop: Callable[[], Any], *args: str) -> list[Any]:
    """Start a process, close its loop, and return transport and protocol in a list that can be emptied."""
    loop = new_loop()
    pair = loop.run_until_complete(SubprocessPlugin().spawn(loop, Recorder, args))
    loop.run_until_complete(asyncio.sleep(0))
    loop.close()
    return [*pair]


def _collect(things: list[Any]) -> None:
    things.clear()
    gc.collect()


def _is_gone(pid: int) -> bool:
    """Tell whether a process has ended and its status was read."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


def test_process_of_a_closed_loop_ends_when_its_transport_is_collected(new_loop: Callable[[], Any]) -> None:
    pair = _abandoned(new_loop, "sleep", "60")
    pid = pair[0].get_pid()
    assert not _is_gone(pid)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        _collect(pair)
    assert _is_gone(pid)
    assert {warning.category for warning in caught} == {ResourceWarning}
    assert all(str(warning.message).startswith("unclosed transport <") for warning in caught)
    assert any("ProcessTransport" in str(warning.message) for warning in caught)


def test_process_of_a_closed_loop_can_be_closed(new_loop: Callable[[], Any]) -> None:
    pair = _abandoned(new_loop, "sleep", "60")
    pid = pair[0].get_pid()
    pair[0].close()
    assert _is_gone(pid)
    with pytest.raises(ProcessLookupError):
        pair[0].kill()
    _collect(pair)  # a warning would be an error


def test_process_of_a_closed_loop_can_be_signalled(new_loop: Callable[[], Any]) -> None:
    pair = _abandoned(new_loop, "sleep", "60")
    popen = pair[0].get_extra_info("subprocess")
    pair[0].kill()
    assert popen.wait(LIMIT) == -signal.SIGKILL
    pair[0].close()
    _collect(pair)


@pytest.mark.skipif(not hasattr(os, "waitid"), reason="waitid() tells of the end without reading the status")
def test_process_that_could_not_be_killed_is_waited_for_when_the_next_one_starts(
    new_loop: Callable[[], Any], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(*args: Any) -> None:
        raise PermissionError(1, "Operation not permitted")

    pair = _abandoned(new_loop, "sleep", "60")
    pid = pair[0].get_pid()
    with monkeypatch.context() as patch:
        patch.setattr(os, "kill", refuse)
        pair[0].close()
    assert "cannot kill the process" in caplog.text
    _collect(pair)
    assert not _is_gone(pid)
    os.kill(pid, signal.SIGKILL)
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    assert not _is_gone(pid)
    other = _abandoned(new_loop, "sleep", "60")
    assert _is_gone(pid)
    other[0].close()


def test_many_processes_of_a_closed_loop_end_soon(new_loop: Callable[[], Any]) -> None:
    async def start() -> list[Any]:
        return [await spawn("sleep", "60") for _ in range(20)]

    loop = new_loop()
    pairs = loop.run_until_complete(start())
    loop.close()
    pids = [pair[0].get_pid() for pair in pairs]
    with pytest.warns(ResourceWarning, match="unclosed transport"):
        _collect(pairs)
    assert all(map(_is_gone, pids))


PROGRAM = """
import asyncio, sys
from transport_subprocess import SubprocessPlugin

async def main():
    return await SubprocessPlugin().spawn(asyncio.get_running_loop(), asyncio.SubprocessProtocol, ["sleep", "60"])

transport, protocol = asyncio.run(main())
print(transport.get_pid())
"""


def test_program_that_forgets_its_processes_ends_quietly() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True, timeout=LIMIT)
    assert done.stderr == ""
    assert _is_gone(int(done.stdout))


async def test_other_threads_are_none_after_the_end() -> None:
    transport, protocol = await spawn("cat")
    end_input(transport)
    await protocol.seen("connection_lost")
    for thread in threading.enumerate():
        if thread.name.startswith("wait for process"):
            thread.join(LIMIT)
            assert not thread.is_alive()


async def test_ended_process_is_freed_without_the_cyclic_collector() -> None:
    transport, protocol = await spawn("true")
    await protocol.seen("connection_lost")
    await asyncio.sleep(0)
    gc.collect()
    gc.disable()
    try:
        del transport, protocol
        kinds = (ProcessTransport, ReadPipeTransport, WritePipeTransport)
        assert not any(isinstance(one, kinds) for one in gc.get_objects())
    finally:
        gc.enable()
