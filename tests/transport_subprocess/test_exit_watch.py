"""How the end of a process is seen, beside everybody else who waits for processes."""

from __future__ import annotations

import asyncio
import errno
import fcntl
import os
import signal
import subprocess
import sys
import threading
from typing import TYPE_CHECKING, Any

import pytest

from tests.transport_subprocess.support import end_input, spawn, wait
from transport_subprocess import ProcessTransport

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

# Where the thread itself has to read the status, nobody can tell that somebody else did: tests of that use
# "exit_watch", the others "every_exit_watch".

WARNING = "exit status already read: will report returncode 255"


def _waiting_threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("wait for process")]


def _popen(transport: ProcessTransport) -> subprocess.Popen[bytes]:
    popen = transport.get_extra_info("subprocess")
    assert popen is not None
    return popen


@pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="this system has no pidfds")
async def test_no_thread_waits_where_there_are_pidfds() -> None:
    transport, protocol = await spawn("cat")
    assert _waiting_threads() == []
    end_input(transport)
    await protocol.seen("connection_lost")


@pytest.mark.parametrize("number", [errno.ENOSYS, errno.EPERM, errno.ESRCH])
async def test_thread_waits_where_the_system_gives_no_pidfd(number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(pid: int) -> int:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "pidfd_open", fail, raising=False)
    transport, protocol = await spawn("cat")
    assert _waiting_threads() == [f"wait for process {transport.get_pid()}"]
    end_input(transport)
    assert await wait(transport) == 0
    await protocol.seen("connection_lost")


def test_end_is_seen_outside_the_main_thread(new_loop: Callable[[], Any], every_exit_watch: str) -> None:
    async def main() -> None:
        transport, protocol = await spawn("sh", "-c", "exit 3")
        returncodes.append(await wait(transport))
        await protocol.seen("connection_lost")

    def run() -> None:
        with asyncio.Runner(loop_factory=new_loop) as runner:
            runner.run(main())

    returncodes: list[int] = []
    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert returncodes == [3]


@pytest.fixture
def old_handler() -> Iterator[None]:
    before = signal.getsignal(signal.SIGCHLD)
    yield
    signal.signal(signal.SIGCHLD, before)


async def test_handler_of_the_program_for_sigchld_is_called(old_handler: None, every_exit_watch: str) -> None:
    calls = []
    signal.signal(signal.SIGCHLD, lambda *_: calls.append(1))
    transport, protocol = await spawn("true")
    assert await wait(transport) == 0
    await protocol.seen("connection_lost")
    assert calls


async def test_handler_of_the_loop_for_sigchld_is_called(old_handler: None, every_exit_watch: str) -> None:
    called = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGCHLD, called.set)
    transport, protocol = await spawn("true")
    assert await wait(transport) == 0
    await protocol.seen("connection_lost")
    async with asyncio.timeout(20):
        await called.wait()
    asyncio.get_running_loop().remove_signal_handler(signal.SIGCHLD)


async def test_children_of_others_are_left_to_them(every_exit_watch: str) -> None:
    popen = subprocess.Popen(["sh", "-c", "exit 5"])  # noqa: ASYNC220
    pid = os.spawnlp(os.P_NOWAIT, "sh", "sh", "-c", "exit 6")  # noqa: ASYNC220
    transport, protocol = await spawn("sh", "-c", "exit 7")
    assert await wait(transport) == 7
    await protocol.seen("connection_lost")
    assert popen.wait() == 5
    _, status = os.waitpid(pid, 0)  # noqa: ASYNC222
    assert os.waitstatus_to_exitcode(status) == 6


@pytest.fixture
def statuses_are_told_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A system whose pidfds do not tell the status of a process for which somebody has waited."""

    def refuse(*args: object) -> None:
        raise OSError(errno.ENOTTY, os.strerror(errno.ENOTTY))

    monkeypatch.setattr(fcntl, "ioctl", refuse)


@pytest.mark.usefixtures("statuses_are_told_once")
async def test_status_read_by_somebody_else_is_255_with_a_warning(
    exit_watch: str, caplog: pytest.LogCaptureFixture
) -> None:
    transport, protocol = await spawn("sleep", "60")
    os.kill(transport.get_pid(), signal.SIGKILL)
    os.waitpid(transport.get_pid(), 0)  # noqa: ASYNC222
    assert await wait(transport) == 255
    await protocol.seen("connection_lost")
    assert _popen(transport).returncode == 255
    assert [record.getMessage() for record in caplog.records if record.levelname == "WARNING"] == [
        f"child process pid {transport.get_pid()} {WARNING}"
    ]
    with pytest.raises(ProcessLookupError):
        transport.kill()


def _linux() -> tuple[int, ...]:
    release = os.uname().release.partition("-")[0] if sys.platform == "linux" else "0"
    return tuple(int(part) for part in release.split(".") if part.isdigit())


@pytest.mark.skipif(
    _linux() < (6, 15), reason="pidfds tell the status of a process already waited for since Linux 6.15"
)
@pytest.mark.parametrize(("command", "returncode"), [("exit 7", 7), ("kill -9 $$", -9)])
async def test_status_read_by_somebody_else_is_told_by_the_pidfd(command: str, returncode: int) -> None:
    transport, protocol = await spawn("sh", "-c", command)
    os.waitpid(transport.get_pid(), 0)  # noqa: ASYNC222
    assert await wait(transport) == returncode
    await protocol.seen("connection_lost")


async def test_status_read_through_the_popen_object_is_not_lost(
    every_exit_watch: str, caplog: pytest.LogCaptureFixture
) -> None:
    transport, protocol = await spawn("sleep", "60")
    popen = _popen(transport)
    popen.kill()
    assert popen.wait() == -signal.SIGKILL
    assert transport.get_returncode() is None
    assert await wait(transport) == -signal.SIGKILL
    await protocol.seen("connection_lost")
    assert caplog.records == []


@pytest.mark.usefixtures("statuses_are_told_once")
async def test_signal_to_a_process_that_somebody_else_waited_for_hits_nobody(
    exit_watch: str, caplog: pytest.LogCaptureFixture
) -> None:
    transport, protocol = await spawn("sleep", "60")
    os.kill(transport.get_pid(), signal.SIGKILL)
    os.waitpid(transport.get_pid(), 0)  # noqa: ASYNC222
    transport.terminate()  # the end is not noticed yet
    assert await wait(transport) == 255
    await protocol.seen("connection_lost")
    assert WARNING in caplog.text


@pytest.mark.usefixtures("statuses_are_told_once")
async def test_ignored_sigchld_makes_the_status_unknown(
    old_handler: None, exit_watch: str, caplog: pytest.LogCaptureFixture
) -> None:
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    transport, protocol = await spawn("true")
    assert await wait(transport) == 255
    await protocol.seen("connection_lost")
    assert WARNING in caplog.text


@pytest.mark.filterwarnings("ignore:.*use of fork.*:DeprecationWarning")
async def test_forked_copy_of_the_program_does_not_hide_the_end(every_exit_watch: str) -> None:
    transport, protocol = await spawn("cat", stdin=subprocess.PIPE, stdout=None, stderr=None)
    copy = os.fork()
    if not copy:
        while True:
            signal.pause()
    try:
        transport.kill()
        assert await wait(transport) == -signal.SIGKILL
    finally:
        os.kill(copy, signal.SIGKILL)
        os.waitpid(copy, 0)  # noqa: ASYNC222
    await protocol.seen("connection_lost")
