from __future__ import annotations

import asyncio
import gc
import os
import signal
import socket
import subprocess
import sys
import threading
import warnings
from typing import TYPE_CHECKING, Any

import pytest

from loop_selector import SelectorEventLoop, new_event_loop

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator


async def _value(value: Any) -> Any:
    await asyncio.sleep(0)
    return value


async def _failing() -> None:
    await asyncio.sleep(0)
    raise ZeroDivisionError


# -- running ---------------------------------------------------------------------------------------------------------


def test_the_result_of_a_coroutine_or_future_is_returned(loop: SelectorEventLoop) -> None:
    assert loop.run_until_complete(_value(1)) == 1
    future = loop.create_future()
    loop.call_later(0.001, future.set_result, 2)
    assert loop.run_until_complete(future) == 2


def test_the_exception_is_raised(loop: SelectorEventLoop) -> None:
    with pytest.raises(ZeroDivisionError):
        loop.run_until_complete(_failing())


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit])
def test_what_ends_a_program_leaves_the_loop_usable(loop: SelectorEventLoop, kind: type[BaseException]) -> None:
    async def fail() -> None:
        raise kind

    with pytest.raises(kind):
        loop.run_until_complete(fail())
    assert not loop.is_running()
    assert loop.run_until_complete(_value(1)) == 1


def test_stopping_before_the_future_is_done_is_an_error(loop: SelectorEventLoop) -> None:
    future = loop.create_future()
    loop.call_soon(loop.stop)
    with pytest.raises(RuntimeError, match="Event loop stopped before Future completed"):
        loop.run_until_complete(future)
    future.cancel()


def test_a_future_of_another_loop_is_refused(loop: SelectorEventLoop) -> None:
    other = new_event_loop()
    future = other.create_future()
    with pytest.raises(ValueError, match="loop"):
        loop.run_until_complete(future)
    other.close()


def test_what_is_no_future_is_refused(loop: SelectorEventLoop) -> None:
    with pytest.raises(TypeError):
        loop.run_until_complete(print)  # type: ignore[arg-type]


def test_stopping_before_running_runs_one_turn(loop: SelectorEventLoop) -> None:
    got: list[str] = []
    loop.call_soon(lambda: loop.call_soon(got.append, "next turn"))
    loop.call_later(0, got.append, "timer")
    loop.stop()
    loop.run_forever()
    assert got == ["timer"]
    loop.stop()
    loop.run_forever()
    assert got == ["timer", "next turn"]


def test_stopping_lets_the_ready_callbacks_run(loop: SelectorEventLoop) -> None:
    got: list[int] = []
    loop.call_soon(loop.stop)
    loop.call_soon(got.append, 1)
    loop.call_soon(loop.call_soon, got.append, 2)
    loop.run_forever()
    assert got == [1]


def test_running_within_a_loop_is_refused(loop: SelectorEventLoop) -> None:
    other = new_event_loop()

    async def nest() -> None:
        with pytest.raises(RuntimeError, match="This event loop is already running"):
            loop.run_forever()
        with pytest.raises(RuntimeError, match="Cannot run the event loop while another loop is running"):
            other.run_forever()
        with pytest.raises(RuntimeError, match="Cannot close a running event loop"):
            loop.close()
        assert loop.is_running()
        assert asyncio.get_running_loop() is loop

    loop.run_until_complete(nest())
    assert not loop.is_running()
    other.close()


def test_the_callback_that_anyio_looks_for_is_there(loop: SelectorEventLoop) -> None:
    from asyncio import base_events

    async def callbacks() -> Any:
        task: Any = asyncio.current_task()
        return [callback for callback, _ in task._callbacks]

    assert base_events._run_until_complete_cb in loop.run_until_complete(callbacks())  # type: ignore[attr-defined]


def test_several_loops_run_in_several_threads() -> None:
    results: list[int] = []

    def work(number: int) -> None:
        with asyncio.Runner(loop_factory=new_event_loop) as runner:
            results.append(runner.run(_value(number)))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(results) == [0, 1, 2, 3, 4]


# -- Ctrl-C ----------------------------------------------------------------------------------------------------------


def _interrupt_main_thread() -> None:
    signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)


def test_ctrl_c_ends_a_waiting_loop(loop: SelectorEventLoop) -> None:
    timer = threading.Timer(0.05, _interrupt_main_thread)
    loop.call_soon(timer.start)
    with pytest.raises(KeyboardInterrupt):
        loop.run_forever()
    timer.join()
    assert loop.run_until_complete(_value(1)) == 1


def test_ctrl_c_ends_a_busy_callback(loop: SelectorEventLoop) -> None:
    def spin() -> None:
        _interrupt_main_thread()
        while True:
            pass

    loop.call_soon(spin)
    with pytest.raises(KeyboardInterrupt):
        loop.run_forever()
    assert loop.run_until_complete(_value(1)) == 1


def test_ctrl_c_cancels_the_main_task_of_run(tmp_path: Any) -> None:
    program = """if True:
        import asyncio, os, signal, loop_selector
        async def main():
            asyncio.get_running_loop().call_later(0.05, os.kill, os.getpid(), signal.SIGINT)
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                print("cancelled", flush=True)
                raise
        try:
            loop_selector.run(main())
        except KeyboardInterrupt:
            print("interrupted")
    """
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=30, check=True)
    assert done.stdout.split() == ["cancelled", "interrupted"]
    assert done.stderr == ""


# -- asynchronous generators -----------------------------------------------------------------------------------------


def test_generators_that_nobody_finishes_are_finished_by_shutdown(loop: SelectorEventLoop) -> None:
    finished: list[str] = []

    async def generate() -> AsyncGenerator[int, None]:
        try:
            yield 1
            yield 2
        finally:
            await asyncio.sleep(0)
            finished.append("finally")

    async def main() -> AsyncGenerator[int, None]:
        agen = generate()
        assert await anext(agen) == 1
        return agen

    agen = loop.run_until_complete(main())
    assert finished == []
    loop.run_until_complete(loop.shutdown_asyncgens())
    assert finished == ["finally"]
    del agen


def test_generators_that_are_dropped_are_finished_by_the_loop(loop: SelectorEventLoop) -> None:
    finished: list[str] = []

    async def generate() -> AsyncGenerator[int, None]:
        try:
            yield 1
        finally:
            await asyncio.sleep(0)
            finished.append("finally")

    async def main() -> None:
        async for _ in generate():
            break
        gc.collect()
        for _ in range(10):
            await asyncio.sleep(0)

    loop.run_until_complete(main())
    assert finished == ["finally"]


def test_a_generator_that_fails_to_finish_is_reported(loop: SelectorEventLoop) -> None:
    reports: list[dict[str, Any]] = []
    loop.set_exception_handler(lambda _, context: reports.append(context))

    async def generate() -> AsyncGenerator[int, None]:
        try:
            yield 1
        finally:
            raise ZeroDivisionError

    async def main() -> Any:
        agen = generate()
        await anext(agen)
        return agen

    agen = loop.run_until_complete(main())
    loop.run_until_complete(loop.shutdown_asyncgens())
    assert isinstance(reports[0]["exception"], ZeroDivisionError)
    assert reports[0]["asyncgen"] is agen
    assert "an error occurred during closing of asynchronous generator" in reports[0]["message"]


def test_a_generator_started_after_shutdown_warns(loop: SelectorEventLoop) -> None:
    async def generate() -> AsyncGenerator[int, None]:
        yield 1

    async def main() -> None:
        await loop.shutdown_asyncgens()
        async for _ in generate():
            pass

    with pytest.warns(ResourceWarning, match=r"scheduled after loop.shutdown_asyncgens\(\) call"):
        loop.run_until_complete(main())


def test_hooks_of_generators_are_put_back(loop: SelectorEventLoop) -> None:
    before = sys.get_asyncgen_hooks()
    loop.run_until_complete(_value(1))
    assert sys.get_asyncgen_hooks() == before


# -- forks -----------------------------------------------------------------------------------------------------------


def _in_fork(loop: SelectorEventLoop, child: Any) -> int:
    """Run a function in a child that is forked while the loop runs; return the child's exit code."""

    async def main() -> int:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # of forks in programs with threads
            pid = os.fork()
        if not pid:
            code = 1
            try:
                child()
                code = 0
            finally:
                os._exit(code)
        _, status = await asyncio.get_running_loop().run_in_executor(None, os.waitpid, pid, 0)
        await asyncio.get_running_loop().shutdown_default_executor()
        return os.waitstatus_to_exitcode(status)

    return loop.run_until_complete(main())


needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")


@needs_fork
def test_a_forked_child_has_no_running_loop_and_can_run_another(loop: SelectorEventLoop) -> None:
    def child() -> None:
        with pytest.raises(RuntimeError, match="no running event loop"):
            asyncio.get_running_loop()
        with asyncio.Runner(loop_factory=new_event_loop) as runner:
            assert runner.run(_value(1)) == 1

    assert _in_fork(loop, child) == 0


@needs_fork
def test_what_a_forked_child_unregisters_stays_registered_for_the_parent(loop: SelectorEventLoop) -> None:
    near, far = socket.socketpair()
    near.setblocking(False)
    got: list[bytes] = []
    with near, far:
        loop.add_reader(near, lambda: got.append(near.recv(10)))

        def child() -> None:
            assert loop.remove_reader(near)
            loop.readiness.close()

        assert _in_fork(loop, child) == 0
        far.send(b"x")
        loop.stop()
        loop.run_forever()
        assert got == [b"x"]
        loop.remove_reader(near)


@needs_fork
def test_a_forked_child_cannot_take_the_parents_wake_ups(loop: SelectorEventLoop) -> None:
    def child() -> None:
        loop.call_soon_threadsafe(print)
        loop._wakeup._drain()

    assert _in_fork(loop, child) == 0
    with pytest.raises(BlockingIOError):
        loop._wakeup._receiver.recv(1)
    loop.call_soon_threadsafe(loop.stop)
    loop.run_forever()


@needs_fork
def test_a_signal_of_a_forked_child_is_not_the_parents(loop: SelectorEventLoop) -> None:
    got: list[int] = []
    loop.add_signal_handler(signal.SIGUSR1, got.append, 1)

    def child() -> None:
        os.kill(os.getpid(), signal.SIGUSR1)

    assert _in_fork(loop, child) == 0
    loop.stop()
    loop.run_forever()
    assert got == []
    os.kill(os.getpid(), signal.SIGUSR1)
    loop.stop()
    loop.run_forever()
    assert got == [1]
    loop.remove_signal_handler(signal.SIGUSR1)


@needs_fork
def test_a_forked_child_may_go_on_with_the_loop(loop: SelectorEventLoop) -> None:
    async def main() -> int:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            pid = os.fork()
        if not pid:
            asyncio._set_running_loop(loop)
            await asyncio.sleep(0.01)
            near, far = socket.socketpair()
            near.setblocking(False)
            far.send(b"x")
            os._exit(0 if await loop.sock_recv(near, 10) == b"x" else 1)
        _, status = await asyncio.to_thread(os.waitpid, pid, 0)
        await loop.shutdown_default_executor()
        return os.waitstatus_to_exitcode(status)

    assert loop.run_until_complete(main()) == 0
