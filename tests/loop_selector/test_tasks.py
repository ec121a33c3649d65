from __future__ import annotations

import asyncio
import contextvars
import sys
from typing import TYPE_CHECKING, Any

import pytest

import loop_selector

if TYPE_CHECKING:
    from loop_selector import SelectorEventLoop


async def _value(value: int) -> int:
    await asyncio.sleep(0)
    return value


def test_tasks_and_futures_are_asyncios_own(loop: SelectorEventLoop) -> None:
    assert type(loop.create_future()) is asyncio.Future
    task = loop.create_task(_value(1))
    assert type(task) is asyncio.Task
    assert task.get_loop() is loop
    assert loop.run_until_complete(task) == 1


def test_tasks_get_their_name_and_context(loop: SelectorEventLoop) -> None:
    variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable", default="outside")
    context = contextvars.copy_context()
    context.run(variable.set, "inside")

    async def get() -> str:
        return variable.get()

    task = loop.create_task(get(), name="mine", context=context)
    assert task.get_name() == "mine"
    assert loop.run_until_complete(task) == "inside"
    assert loop.run_until_complete(loop.create_task(get())) == "outside"


def test_a_factory_gets_only_the_arguments_that_were_given(loop: SelectorEventLoop) -> None:
    got: list[dict[str, Any]] = []

    def factory(loop: Any, coro: Any, **kwargs: Any) -> asyncio.Task[Any]:
        got.append(kwargs)
        return asyncio.Task(coro, loop=loop)

    loop.set_task_factory(factory)
    assert loop.get_task_factory() is factory
    context = contextvars.copy_context()
    first = loop.create_task(_value(1))
    second = loop.create_task(_value(2), name="second", context=context)
    third = loop.create_task(_value(3), eager_start=False)
    assert got == [{}, {"context": context}, {"eager_start": False}]
    assert second.get_name() == "second"
    assert first.get_name() != "None"
    assert loop.run_until_complete(asyncio.wait_for(_all(first, second, third), 10)) == [1, 2, 3]
    loop.set_task_factory(None)
    assert loop.get_task_factory() is None


async def _all(*tasks: asyncio.Task[int]) -> list[int]:
    return [await task for task in tasks]


def test_a_factory_may_return_what_has_no_name(loop: SelectorEventLoop) -> None:
    future = loop.create_future()
    future.set_result(5)

    def factory(loop: Any, coro: Any) -> asyncio.Future[int]:
        coro.close()
        return future

    loop.set_task_factory(factory)
    assert loop.create_task(_value(1), name="x") is future


def test_a_factory_must_be_callable(loop: SelectorEventLoop) -> None:
    with pytest.raises(TypeError, match="task factory must be a callable or None"):
        loop.set_task_factory("text")  # type: ignore[arg-type]


@pytest.mark.skipif(sys.version_info < (3, 12), reason="eager tasks came with Python 3.12")
def test_eager_tasks_work(loop: SelectorEventLoop) -> None:
    loop.set_task_factory(asyncio.eager_task_factory)  # type: ignore[attr-defined,unused-ignore]
    order: list[str] = []

    async def child() -> None:
        order.append("child")

    async def main() -> None:
        task = asyncio.create_task(child(), name="eager")
        order.append("main")
        assert task.done()

    loop.run_until_complete(main())
    assert order == ["child", "main"]


def test_the_current_task_and_all_tasks_are_known(loop: SelectorEventLoop) -> None:
    async def main() -> None:
        other = asyncio.create_task(asyncio.sleep(0))
        current = asyncio.current_task()
        assert current is not None
        assert asyncio.all_tasks() == {current, other}
        await other

    loop.run_until_complete(main())
    assert asyncio.all_tasks(loop) == set()


def test_groups_and_timeouts_work(loop: SelectorEventLoop) -> None:
    async def main() -> list[int]:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(_value(number)) for number in range(3)]
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.001):
                await asyncio.sleep(60)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(asyncio.sleep(60), 0.001)
        return [task.result() for task in tasks]

    assert loop.run_until_complete(main()) == [0, 1, 2]


def test_every_way_to_run_a_program() -> None:
    assert loop_selector.run(_value(1)) == 1
    with asyncio.Runner(loop_factory=loop_selector.new_event_loop) as runner:
        assert runner.run(_value(2)) == 2
        assert isinstance(runner.get_loop(), loop_selector.SelectorEventLoop)
    if sys.version_info >= (3, 12):
        assert asyncio.run(_value(3), loop_factory=loop_selector.new_event_loop) == 3


@pytest.mark.parametrize("debug", [True, False])
def test_run_sets_debug_mode(debug: bool) -> None:
    async def get() -> bool:
        return asyncio.get_running_loop().get_debug()

    assert loop_selector.run(get(), debug=debug) is debug


def test_run_within_a_loop_is_refused(loop: SelectorEventLoop) -> None:
    async def main() -> None:
        with pytest.raises(RuntimeError, match=r"run\(\) cannot be called from a running event loop"):
            loop_selector.run(_value(1))

    loop.run_until_complete(main())
