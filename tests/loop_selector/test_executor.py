from __future__ import annotations

import asyncio
import threading
from concurrent.futures import CancelledError, Future, InvalidStateError, ProcessPoolExecutor, ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, cast

import pytest

if TYPE_CHECKING:
    from loop_selector import SelectorEventLoop


def test_functions_run_in_threads_of_the_default_executor(loop: SelectorEventLoop) -> None:
    async def main() -> None:
        name = await loop.run_in_executor(None, lambda: threading.current_thread().name)
        assert name.startswith("asyncio_")
        assert await asyncio.to_thread(int, "7") == 7
        with pytest.raises(ZeroDivisionError):
            await loop.run_in_executor(None, lambda: 1 // 0)
        await loop.shutdown_default_executor()

    loop.run_until_complete(main())


def test_another_executor_can_be_the_default_or_be_given(loop: SelectorEventLoop) -> None:
    async def main() -> list[str]:
        with ThreadPoolExecutor(thread_name_prefix="given") as given:
            first = await loop.run_in_executor(given, lambda: threading.current_thread().name)
            loop.set_default_executor(ThreadPoolExecutor(thread_name_prefix="default"))
            second = await loop.run_in_executor(None, lambda: threading.current_thread().name)
        await loop.shutdown_default_executor()
        return [first.partition("_")[0], second.partition("_")[0]]

    assert loop.run_until_complete(main()) == ["given", "default"]


def test_a_call_that_has_not_begun_is_cancelled_with_its_future(loop: SelectorEventLoop) -> None:
    called: list[int] = []
    release = threading.Event()

    async def main() -> None:
        with ThreadPoolExecutor(1) as executor:
            first = loop.run_in_executor(executor, release.wait)
            second = loop.run_in_executor(executor, called.append, 2)
            second.cancel()
            await asyncio.wait([second])
            release.set()
            assert await first

    loop.run_until_complete(main())
    assert called == []


def test_what_a_cancelled_call_comes_to_is_dropped(loop: SelectorEventLoop) -> None:
    begun, release = threading.Event(), threading.Event()

    def work() -> None:
        begun.set()
        release.wait()

    async def main() -> None:
        with ThreadPoolExecutor(1) as executor:
            future = loop.run_in_executor(executor, work)
            await loop.run_in_executor(None, begun.wait)
            future.cancel()
            release.set()
        with pytest.raises(asyncio.CancelledError):
            await future
        await loop.shutdown_default_executor()

    loop.run_until_complete(main())


@pytest.mark.parametrize(
    ("raised", "expected"),
    [
        (CancelledError("a"), asyncio.CancelledError),
        (InvalidStateError("a"), asyncio.InvalidStateError),
        (TimeoutError("a"), TimeoutError),
    ],
)
def test_errors_of_threads_become_those_of_asyncio(
    loop: SelectorEventLoop, raised: Exception, expected: type[BaseException]
) -> None:
    def fail() -> None:
        raise raised

    async def main() -> None:
        with pytest.raises(expected) as caught:
            await loop.run_in_executor(None, fail)
        assert type(caught.value) is expected
        assert caught.value.args == ("a",)
        await loop.shutdown_default_executor()

    loop.run_until_complete(main())


def test_an_executor_that_drops_a_call_cancels_its_future(loop: SelectorEventLoop) -> None:
    release = threading.Event()

    async def main() -> None:
        executor = ThreadPoolExecutor(1)
        first = loop.run_in_executor(executor, release.wait)
        second = loop.run_in_executor(executor, print)
        executor.shutdown(wait=False, cancel_futures=True)
        with pytest.raises(asyncio.CancelledError):
            await second
        release.set()
        assert await first
        executor.shutdown()

    loop.run_until_complete(main())


def test_an_executor_may_return_a_future_of_the_loop(loop: SelectorEventLoop) -> None:
    class Direct(ThreadPoolExecutor):
        def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
            future = loop.create_future()
            future.set_result(fn(*args, **kwargs))
            return cast("Future[Any]", future)

    with Direct(1) as executor:
        assert loop.run_until_complete(loop.run_in_executor(executor, int, "7")) == 7


def test_a_default_executor_must_have_threads(loop: SelectorEventLoop) -> None:
    with pytest.raises(TypeError, match="executor must be ThreadPoolExecutor instance"):
        loop.set_default_executor(ProcessPoolExecutor(1))


def test_after_its_shutdown_the_default_executor_takes_nothing(loop: SelectorEventLoop) -> None:
    loop.run_until_complete(loop.shutdown_default_executor())
    with pytest.raises(RuntimeError, match="Executor shutdown has been called"):
        _ = loop.run_in_executor(None, print)


def test_shutdown_waits_for_the_threads(loop: SelectorEventLoop) -> None:
    release = threading.Event()
    done: list[int] = []

    async def main() -> None:
        def work() -> None:
            release.wait()
            done.append(1)

        future = loop.run_in_executor(None, work)
        loop.call_later(0.01, release.set)
        await loop.shutdown_default_executor()
        assert done == [1]
        await future

    loop.run_until_complete(main())


def test_shutdown_warns_when_its_time_is_over(loop: SelectorEventLoop) -> None:
    release = threading.Event()

    async def main() -> None:
        future = loop.run_in_executor(None, release.wait)
        with pytest.warns(RuntimeWarning, match=r"did not finishing joining its threads within 0.01 seconds"):
            await loop.shutdown_default_executor(0.01)
        release.set()
        await future

    loop.run_until_complete(main())


def test_closing_the_loop_does_not_wait_for_threads(loop: SelectorEventLoop) -> None:
    release = threading.Event()
    future = loop.run_in_executor(None, release.wait)
    loop.close()
    release.set()
    assert not future.done()
