from __future__ import annotations

import asyncio
import logging
import socket
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from loop_selector import SelectorEventLoop


@pytest.fixture
def debug_loop(loop: SelectorEventLoop) -> SelectorEventLoop:
    loop.set_debug(True)
    return loop


async def _coroutine() -> None:
    pass


SCHEDULERS: dict[str, Callable[[SelectorEventLoop, Any], Any]] = {
    "call_soon": lambda loop, callback: loop.call_soon(callback),
    "call_soon_threadsafe": lambda loop, callback: loop.call_soon_threadsafe(callback),
    "call_later": lambda loop, callback: loop.call_later(1, callback),
    "call_at": lambda loop, callback: loop.call_at(1, callback),
    "run_in_executor": lambda loop, callback: loop.run_in_executor(None, callback),
}


@pytest.mark.parametrize("method", SCHEDULERS)
def test_coroutines_are_refused(debug_loop: SelectorEventLoop, method: str) -> None:
    coro = _coroutine()
    for wrong in (_coroutine, coro):
        with pytest.raises(TypeError, match=rf"coroutines cannot be used with {method}\(\)"):
            SCHEDULERS[method](debug_loop, wrong)
    coro.close()


@pytest.mark.parametrize("method", SCHEDULERS)
def test_what_cannot_be_called_is_refused(debug_loop: SelectorEventLoop, method: str) -> None:
    with pytest.raises(TypeError, match=rf"a callable object was expected by {method}\(\), got 'text'"):
        SCHEDULERS[method](debug_loop, "text")


@pytest.mark.parametrize("method", ["call_soon", "call_later", "call_at"])
def test_calls_from_another_thread_are_refused_while_the_loop_runs(debug_loop: SelectorEventLoop, method: str) -> None:
    async def main() -> None:
        with pytest.raises(RuntimeError, match="Non-thread-safe operation invoked on an event loop other than"):
            await asyncio.to_thread(SCHEDULERS[method], debug_loop, print)
        await asyncio.to_thread(debug_loop.call_soon_threadsafe, id, 1)

    debug_loop.run_until_complete(main())
    debug_loop.run_until_complete(debug_loop.shutdown_default_executor())


def test_handles_remember_where_they_were_made(debug_loop: SelectorEventLoop) -> None:
    makers = ("call_soon", "call_soon_threadsafe", "call_later", "call_at")
    for method in makers:
        handle = SCHEDULERS[method](debug_loop, print)
        last = handle._source_traceback[-1]
        assert last.filename == __file__
        assert "SCHEDULERS" not in (last.line or "")
        handle.cancel()
        assert "print" in repr(handle)
        assert "cancelled" in repr(handle)


def test_a_failing_callback_tells_where_it_was_made(debug_loop: SelectorEventLoop) -> None:
    reports: list[dict[str, Any]] = []
    debug_loop.set_exception_handler(lambda _, context: reports.append(context))
    debug_loop.call_soon(lambda: 1 / 0)
    debug_loop.stop()
    debug_loop.run_forever()
    assert reports[0]["source_traceback"][-1].filename == __file__


def test_a_slow_callback_is_reported(debug_loop: SelectorEventLoop, caplog: pytest.LogCaptureFixture) -> None:
    debug_loop.slow_callback_duration = 0.01
    debug_loop.call_soon(_slow)
    debug_loop.stop()
    debug_loop.run_forever()
    [record] = caplog.records
    assert record.name == "asyncio"
    assert record.levelno == logging.WARNING
    assert record.getMessage().startswith("Executing <Handle _slow()")
    assert record.getMessage().endswith(" seconds")


def _slow() -> None:
    time.sleep(0.02)


def test_a_slow_step_of_a_task_names_the_task(debug_loop: SelectorEventLoop, caplog: pytest.LogCaptureFixture) -> None:
    async def slow() -> None:
        _slow()

    async def main() -> None:
        debug_loop.slow_callback_duration = 0.01
        await asyncio.create_task(slow(), name="the slow one")
        debug_loop.slow_callback_duration = 10

    debug_loop.run_until_complete(main())
    assert [True for record in caplog.records if "Executing <Task" in record.getMessage()]
    assert [True for record in caplog.records if "the slow one" in record.getMessage()]


def test_a_slow_callback_of_a_descriptor_is_reported(
    debug_loop: SelectorEventLoop, caplog: pytest.LogCaptureFixture
) -> None:
    near, far = socket.socketpair()
    with near, far:
        debug_loop.slow_callback_duration = 0.01
        debug_loop.add_reader(near, _slow)
        far.send(b"x")
        debug_loop.stop()
        debug_loop.run_forever()
        debug_loop.remove_reader(near)
    assert "Executing <Handle _slow()" in caplog.records[0].getMessage()


def test_a_quick_callback_is_not_reported(debug_loop: SelectorEventLoop, caplog: pytest.LogCaptureFixture) -> None:
    debug_loop.slow_callback_duration = 10
    debug_loop.call_soon(_slow)
    debug_loop.stop()
    debug_loop.run_forever()
    assert caplog.records == []


def test_debug_mode_can_be_switched_while_the_loop_runs(
    loop: SelectorEventLoop, caplog: pytest.LogCaptureFixture
) -> None:
    async def main() -> None:
        loop.slow_callback_duration = 0.01
        for on in (True, False):
            loop.set_debug(on)
            await asyncio.sleep(0.001)
            assert bool(sys.get_coroutine_origin_tracking_depth()) is on
            loop.call_soon(_slow)
            await asyncio.sleep(0.05)

    loop.run_until_complete(main())
    assert [record.getMessage() for record in caplog.records if "_slow" in record.getMessage()] != []
    assert len([record for record in caplog.records if "_slow" in record.getMessage()]) == 1


def test_debug_mode_can_be_switched_from_another_thread(loop: SelectorEventLoop) -> None:
    async def main() -> None:
        thread = threading.Thread(target=loop.set_debug, args=(True,))
        thread.start()
        await asyncio.to_thread(thread.join)
        await asyncio.sleep(0.001)
        assert sys.get_coroutine_origin_tracking_depth() > 0

    loop.run_until_complete(main())
    loop.run_until_complete(loop.shutdown_default_executor())
    assert sys.get_coroutine_origin_tracking_depth() == 0


def test_coroutines_that_are_never_awaited_tell_their_origin(debug_loop: SelectorEventLoop) -> None:
    async def main() -> None:
        _coroutine()  # type: ignore[unused-coroutine]

    with pytest.warns(RuntimeWarning, match=r"was never awaited[\s\S]*Coroutine created at"):
        debug_loop.run_until_complete(main())


@pytest.mark.parametrize(
    ("options", "environment", "expected"),
    [
        ([], {}, "False"),
        ([], {"PYTHONASYNCIODEBUG": "1"}, "True"),
        ([], {"PYTHONASYNCIODEBUG": ""}, "False"),
        (["-E"], {"PYTHONASYNCIODEBUG": "1"}, "False"),
        (["-X", "dev"], {}, "True"),
    ],
    ids=["nothing", "variable", "empty variable", "variable ignored", "-X dev"],
)
def test_debug_mode_is_on_from_the_start_where_it_is_asked_for(
    options: list[str], environment: dict[str, str], expected: str
) -> None:
    program = "import loop_selector; loop = loop_selector.new_event_loop(); print(loop.get_debug()); loop.close()"
    done = subprocess.run(
        [sys.executable, *options, "-c", program],
        env=environment,
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    assert done.stdout.strip() == expected


def test_blocking_sockets_are_refused(debug_loop: SelectorEventLoop) -> None:
    with socket.socket() as sock:
        uses: list[Any] = [
            debug_loop.sock_recv(sock, 1),
            debug_loop.sock_recv_into(sock, bytearray(1)),
            debug_loop.sock_recvfrom(sock, 1),
            debug_loop.sock_recvfrom_into(sock, bytearray(1)),
            debug_loop.sock_sendall(sock, b"x"),
            debug_loop.sock_sendto(sock, b"x", ("127.0.0.1", 1)),
            debug_loop.sock_connect(sock, ("127.0.0.1", 1)),
            debug_loop.sock_accept(sock),
        ]
        for use in uses:
            with pytest.raises(ValueError, match="the socket must be non-blocking"):
                debug_loop.run_until_complete(use)
