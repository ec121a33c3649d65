"""Starting processes: the options, what is refused, failures before the program runs, cancellation."""

from __future__ import annotations

import asyncio
import errno
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.transport_subprocess.support import Recorder, end_input, spawn, spawn_shell, wait
from transport_subprocess import SubprocessPlugin


async def output(*args: str, **options: Any) -> bytes:
    """Run a program to its end and return what it wrote."""
    _, protocol = await spawn(*args, **options)
    await protocol.seen("connection_lost")
    return bytes(protocol.data.get(1, b"")).strip()


async def test_options_reach_the_process(tmp_path: Path) -> None:
    assert await output("pwd", "-P", cwd=tmp_path) == os.fsencode(os.path.realpath(tmp_path))  # noqa: ASYNC240
    assert await output("sh", "-c", "echo $NAME", env={"NAME": "value", "PATH": os.environ["PATH"]}) == b"value"
    assert await output("name", "-c", "echo $0", executable="/bin/sh") == b"name"
    assert await output("sh", "-c", "umask", umask=0o027) in (b"0027", b"027")


async def test_process_can_be_put_in_a_session_or_a_group_of_its_own() -> None:
    transport, protocol = await spawn("cat", start_new_session=True)
    assert os.getsid(transport.get_pid()) == transport.get_pid()
    end_input(transport)
    await protocol.seen("connection_lost")
    transport, protocol = await spawn("cat", process_group=0)
    assert os.getpgid(transport.get_pid()) == transport.get_pid()
    end_input(transport)
    await protocol.seen("connection_lost")


@pytest.mark.skipif(os.getuid() != 0, reason="only the superuser can change to another user")
async def test_process_can_run_as_another_user() -> None:
    assert await output("id", "-u", user=65534, group=65534, extra_groups=[]) == b"65534"


async def test_function_runs_in_the_child_before_the_program() -> None:
    assert await output("sh", "-c", "umask", preexec_fn=lambda: os.umask(0o027)) in (b"0027", b"027")


async def test_descriptors_can_be_passed_on() -> None:
    reading, writing = os.pipe()
    transport, protocol = await spawn("sh", "-c", f"echo hello >/dev/fd/{writing}", pass_fds=[writing])
    os.close(writing)
    await protocol.seen("connection_lost")
    assert transport.get_returncode() == 0
    assert os.read(reading, 100) == b"hello\n"
    os.close(reading)


async def test_standard_streams_can_be_files_and_descriptors(tmp_path: Path) -> None:
    (tmp_path / "in").write_bytes(b"data")
    source, sink = os.open(tmp_path / "in", os.O_RDONLY), os.open(tmp_path / "out", os.O_WRONLY | os.O_CREAT)
    try:
        await output("cat", stdin=source, stdout=sink)
    finally:
        os.close(source)
        os.close(sink)
    assert (tmp_path / "out").read_bytes() == b"data"


@pytest.mark.skipif(not Path("/dev/stdin").exists(), reason="this system has no /dev/stdin")
async def test_program_can_open_its_standard_input_anew() -> None:
    # Sockets, which some loops give to children, cannot be opened through /dev/stdin (open(2), ENXIO).
    transport, protocol = await spawn("cat", "/dev/stdin")
    stdin: Any = transport.get_pipe_transport(0)
    stdin.write(b"hello")
    end_input(transport)
    await protocol.seen("connection_lost")
    assert protocol.data == {1: b"hello"}


async def test_shell_takes_a_command_line() -> None:
    transport, protocol = await spawn_shell("echo a b | tr ab xy; exit 2")
    assert await wait(transport) == 2
    await protocol.seen("connection_lost")
    assert protocol.data == {1: b"x y\n"}


@pytest.mark.parametrize(
    ("option", "value", "text"),
    [
        ("universal_newlines", True, "universal_newlines must be False"),
        ("bufsize", -1, "bufsize must be 0"),
        ("bufsize", 4096, "bufsize must be 0"),
        ("text", True, "text must be False"),
        ("encoding", "utf-8", "encoding must be None"),
        ("errors", "strict", "errors must be None"),
    ],
)
async def test_text_and_buffering_are_refused_in_the_words_of_asyncio(option: str, value: Any, text: str) -> None:
    with pytest.raises(ValueError, match=f"^{text}$"):
        await spawn("true", **{option: value})


async def test_defaults_of_text_and_buffering_may_be_given() -> None:
    options = {"universal_newlines": False, "bufsize": 0, "text": None, "encoding": None, "errors": None}
    assert await output("echo", "hello", **options) == b"hello"


# -- failures: the harness finds descriptors and processes that are left behind ----------------------------------------


async def test_missing_program_is_named() -> None:
    with pytest.raises(FileNotFoundError) as caught:
        await spawn("/no/such/program")
    assert caught.value.filename == "/no/such/program"


async def test_program_that_may_not_be_run_is_named(tmp_path: Path) -> None:
    (tmp_path / "program").touch(mode=0o644)
    with pytest.raises(PermissionError) as caught:
        await spawn(str(tmp_path / "program"))
    assert caught.value.filename == str(tmp_path / "program")


async def test_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError) as caught:
        await spawn("true", cwd=tmp_path / "missing")
    assert caught.value.filename == tmp_path / "missing"


async def test_file_that_is_no_program_is_named(tmp_path: Path) -> None:
    (tmp_path / "program").write_bytes(b"\x7fELF is not enough")
    (tmp_path / "program").chmod(0o755)
    with pytest.raises(OSError, match="Exec format error") as caught:
        await spawn(str(tmp_path / "program"))
    assert caught.value.filename == str(tmp_path / "program")


async def test_closed_descriptor_is_refused() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    os.close(writing)
    with pytest.raises(OSError) as caught:  # noqa: PT011 - the number tells
        await spawn("true", stdin=reading)
    assert caught.value.errno == errno.EBADF


async def test_failing_function_in_the_child_is_an_error() -> None:
    with pytest.raises(subprocess.SubprocessError, match="preexec_fn"):
        await spawn("true", preexec_fn=lambda: 1 // 0)


@pytest.mark.parametrize(
    ("args", "error"), [(["true", "a\0b"], ValueError), (["true", 3], TypeError), ([], IndexError), (3, TypeError)]
)
async def test_arguments_that_cannot_be_passed_are_refused(args: Any, error: type[Exception]) -> None:
    expected: tuple[type[Exception], ...] = (error, ValueError)  # the empty list is a ValueError in some versions
    with pytest.raises(expected):
        await SubprocessPlugin().spawn(asyncio.get_running_loop(), Recorder, args)


async def test_unknown_option_is_refused() -> None:
    with pytest.raises(TypeError, match="colour"):
        await spawn("true", colour="green")


def _fail() -> Recorder:
    raise ZeroDivisionError


async def test_failing_protocol_factory_starts_nothing(tmp_path: Path) -> None:
    args = ["touch", str(tmp_path / "file")]
    with pytest.raises(ZeroDivisionError):
        await SubprocessPlugin().spawn(asyncio.get_running_loop(), _fail, args)
    assert not (tmp_path / "file").exists()


@pytest.mark.parametrize("number", [errno.EMFILE, errno.ENFILE])
async def test_process_that_cannot_be_watched_for_want_of_descriptors_is_ended(
    number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(pid: int) -> int:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "pidfd_open", fail, raising=False)
    with pytest.raises(OSError, match=os.strerror(number)):
        await spawn("sleep", "60")


async def test_thread_that_cannot_be_started_is_an_error_and_leaves_nothing(
    without_pidfd: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(self: object) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr("threading.Thread.start", fail)
    with pytest.raises(RuntimeError, match="can't start new thread"):
        await spawn("sleep", "60")


async def test_popen_is_looked_up_when_it_is_called(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []

    class Popen(subprocess.Popen[bytes]):
        def __init__(self, args: Any, **options: Any) -> None:
            calls.append((args, options["bufsize"]))
            super().__init__(args, **options)

    monkeypatch.setattr(subprocess, "Popen", Popen)
    transport, protocol = await spawn("true")
    assert isinstance(transport.get_extra_info("subprocess"), Popen)
    await protocol.seen("connection_lost")
    assert calls == [(("true",), 0)]


# -- order and cancellation --------------------------------------------------------------------------------------------


async def test_starting_gives_way_to_others_once() -> None:
    order: list[str] = []
    asyncio.get_running_loop().call_soon(order.append, "other")
    _, protocol = await spawn("true")
    order.append("started")
    assert order == ["other", "started"]
    await protocol.seen("connection_lost")


async def test_task_that_starts_a_process_goes_on_before_anything_is_received() -> None:
    for _ in range(20):
        task = asyncio.ensure_future(spawn("echo", "hello"))
        _, protocol = await task
        assert protocol.names() == ["connection_made"]
        await protocol.seen("connection_lost")


@pytest.mark.parametrize("turns", range(6))
async def test_cancelled_start_leaves_no_process(turns: int) -> None:
    started: list[Recorder] = []

    def factory() -> Any:
        started.append(Recorder())
        return started[-1]

    task = asyncio.ensure_future(
        SubprocessPlugin().spawn(asyncio.get_running_loop(), factory, ["sleep", "60"], stdin=None, stdout=None)
    )
    for _ in range(turns):
        await asyncio.sleep(0)
    if task.cancel():
        with pytest.raises(asyncio.CancelledError):
            await task
        assert started == []
    else:
        transport, protocol = await task
        transport.close()
        await protocol.seen("connection_lost")


async def test_start_that_times_out_leaves_no_process() -> None:
    started: list[Any] = []
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0):
            started.append(await spawn("sleep", "60"))
    assert started == []
