"""Callbacks, timers, handles, futures: what asyncio's documentation promises of a loop."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import inspect
import time
import weakref
from typing import TYPE_CHECKING, Any
from unittest import mock

import pytest

import loop_selector
from loop_selector import SelectorEventLoop, SelectPoller

if TYPE_CHECKING:
    from collections.abc import Callable


def turn(loop: SelectorEventLoop) -> None:
    """Run the loop once through."""
    loop.stop()
    loop.run_forever()


@pytest.fixture(params=[False, True], ids=["normal", "debug"])
def any_loop(request: pytest.FixtureRequest, loop: SelectorEventLoop) -> SelectorEventLoop:
    """A loop with each poller, and in both modes."""
    loop.set_debug(request.param)
    return loop


# -- what it is ------------------------------------------------------------------------------------------------------


def test_it_has_every_method_of_asyncios_loops() -> None:
    for name, method in vars(asyncio.AbstractEventLoop).items():
        if inspect.isfunction(method) and not name.startswith("_"):
            assert getattr(SelectorEventLoop, name) is not method, name


def _methods() -> dict[str, inspect.Signature]:
    """The signatures that this version of Python declares."""
    found = vars(asyncio.AbstractEventLoop).items()
    return {name: inspect.signature(it) for name, it in found if inspect.isfunction(it) and not name.startswith("_")}


STALE = {("create_datagram_endpoint", "reuse_address"), ("sock_sendfile", "fallback")}
"""Arguments that asyncio's abstract class declares otherwise than its loops have them."""


@pytest.mark.parametrize("name", sorted(_methods()))
def test_its_methods_take_the_arguments_of_asyncios(name: str) -> None:
    theirs = [it for it in list(_methods()[name].parameters.values())[1:] if (name, it.name) not in STALE]
    ours = list(inspect.signature(getattr(SelectorEventLoop, name)).parameters.values())[1:]
    if not any(parameter.kind is inspect.Parameter.VAR_KEYWORD for parameter in ours):
        assert {parameter.name for parameter in theirs} <= {parameter.name for parameter in ours}
    by_position = inspect.Parameter.POSITIONAL_OR_KEYWORD
    wanted = [parameter.name for parameter in theirs if parameter.kind is by_position]
    assert [parameter.name for parameter in ours if parameter.kind is by_position][: len(wanted)] == wanted
    defaults = {parameter.name: parameter.default for parameter in ours}
    for parameter in theirs:
        assert defaults.get(parameter.name, parameter.default) == parameter.default


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("create_connection", {"all_errors": False}),
        ("create_server", {"keep_alive": None}),
        ("create_unix_server", {"cleanup_socket": True}),
        ("shutdown_default_executor", {"timeout": None}),
        ("create_task", {"name": None, "context": None}),
    ],
)
def test_arguments_that_python_gained_later_are_there_on_every_version(name: str, arguments: dict[str, Any]) -> None:
    parameters = inspect.signature(getattr(SelectorEventLoop, name)).parameters
    for argument, default in arguments.items():
        assert parameters[argument].default == default


def test_its_class_makes_another_one_without_arguments(loop: SelectorEventLoop) -> None:
    other = type(loop)()
    assert isinstance(other, asyncio.AbstractEventLoop)
    other.close()


def test_it_can_be_subclassed() -> None:
    class Sub(SelectorEventLoop):
        def time(self) -> float:
            return super().time() + 1000

    loop = Sub()
    try:
        fired: list[float] = []

        def fire() -> None:
            fired.append(loop.time())
            loop.stop()

        loop.call_later(0.001, fire)
        start = loop.time()
        assert start > time.monotonic() + 500
        loop.run_forever()
        assert fired[0] >= start
    finally:
        loop.close()


def test_pollers_are_given_as_object_class_or_function() -> None:
    for poller in (SelectPoller(), SelectPoller, lambda: SelectPoller()):
        loop = SelectorEventLoop(poller=poller)
        assert isinstance(loop.readiness.poller, SelectPoller)
        loop.close()


def test_it_can_be_hashed_referred_to_weakly_and_given_attributes(loop: SelectorEventLoop) -> None:
    assert weakref.ref(loop)() is loop
    assert {loop: 1}[loop] == 1
    loop.mark = "mine"  # type: ignore[attr-defined]
    assert loop.__dict__["mark"] == "mine"


def test_repr_tells_its_state(loop: SelectorEventLoop) -> None:
    assert repr(loop) == "<SelectorEventLoop running=False closed=False debug=False>"
    loop.set_debug(True)
    shown = loop.run_until_complete(_repr())
    assert shown == "<SelectorEventLoop running=True closed=False debug=True>"
    loop.close()
    assert repr(loop) == "<SelectorEventLoop running=False closed=True debug=True>"


async def _repr() -> str:
    return repr(asyncio.get_running_loop())


# -- call_soon -------------------------------------------------------------------------------------------------------


def test_callbacks_run_in_order_with_their_arguments(any_loop: SelectorEventLoop) -> None:
    got: list[Any] = []
    any_loop.call_soon(got.append, 1)
    any_loop.call_soon(lambda *args: got.append(args))
    any_loop.call_soon(lambda *args: got.append(args), 1, 2)
    turn(any_loop)
    assert got == [1, (), (1, 2)]


def test_handles_are_asyncios(any_loop: SelectorEventLoop) -> None:
    for handle in (any_loop.call_soon(print), any_loop.call_soon_threadsafe(print)):
        assert isinstance(handle, asyncio.Handle)
        handle.cancel()
    for timer in (any_loop.call_later(1, print), any_loop.call_at(any_loop.time() + 1, print)):
        assert isinstance(timer, asyncio.TimerHandle)
        timer.cancel()


def test_cancelled_callbacks_do_not_run(any_loop: SelectorEventLoop) -> None:
    got: list[int] = []
    handles = [
        any_loop.call_soon(got.append, 1),
        any_loop.call_soon_threadsafe(got.append, 2),
        any_loop.call_later(0, got.append, 3),
    ]
    for handle in handles:
        assert not handle.cancelled()
        handle.cancel()
        handle.cancel()
        assert handle.cancelled()
    any_loop.call_later(0.001, any_loop.stop)
    any_loop.run_forever()
    assert got == []


def test_a_cancelled_handle_lets_go_of_its_arguments(any_loop: SelectorEventLoop) -> None:
    class Argument:
        pass

    for schedule in (any_loop.call_soon, lambda *args: any_loop.call_later(100, *args)):
        argument = Argument()
        ref = weakref.ref(argument)
        handle = schedule(id, argument)
        handle.cancel()
        del argument
        assert ref() is None


def test_handles_show_what_they_call_and_that_they_are_cancelled(any_loop: SelectorEventLoop) -> None:
    handle = any_loop.call_soon(_named_callback)
    timer = any_loop.call_later(10, _named_callback)
    assert "_named_callback" in repr(handle)
    assert "_named_callback" in repr(timer)
    assert f"when={timer.when()}" in repr(timer)
    handle.cancel()
    timer.cancel()
    assert "cancelled" in repr(handle)
    assert "cancelled" in repr(timer)


def _named_callback() -> None:
    pass


def test_timer_handles_compare_by_time(loop: SelectorEventLoop) -> None:
    first, second = loop.call_at(1e9, print), loop.call_at(2e9, print)
    assert first < second
    assert second >= first
    assert first != second
    assert hash(first) == hash(first.when())
    first.cancel()
    second.cancel()


def test_callbacks_run_in_the_given_context_or_a_copy_of_the_callers(any_loop: SelectorEventLoop) -> None:
    variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable", default="nothing")
    given = contextvars.copy_context()
    given.run(variable.set, "given")
    variable.set("caller")
    got: list[str] = []

    def note() -> None:
        got.append(variable.get())

    any_loop.call_soon(note)
    any_loop.call_soon(note, context=given)
    any_loop.call_soon_threadsafe(note, context=given)
    any_loop.call_later(0, note, context=given)
    any_loop.call_at(0, note)
    variable.set("changed later")
    any_loop.call_later(0.001, any_loop.stop)
    any_loop.run_forever()
    assert sorted(got) == ["caller", "caller", "given", "given", "given"]


def test_what_was_called_is_not_kept_alive_while_the_loop_waits(any_loop: SelectorEventLoop) -> None:
    class Argument:
        pass

    argument = Argument()
    ref = weakref.ref(argument)
    alive: list[bool] = []
    any_loop.call_soon(id, argument)

    def look() -> None:
        alive.append(ref() is not None)
        any_loop.stop()

    any_loop.call_later(0.01, look)
    del argument
    any_loop.run_forever()
    assert alive == [False]


# -- timers ----------------------------------------------------------------------------------------------------------


def test_timers_fire_in_order_and_not_before_their_time(any_loop: SelectorEventLoop) -> None:
    got: list[tuple[float, float]] = []
    start = any_loop.time()
    for delay in (0.02, 0, 0.01, -1):
        any_loop.call_later(delay, lambda delay: got.append((delay, any_loop.time() - start)), delay)
    any_loop.call_later(0.03, any_loop.stop)
    any_loop.run_forever()
    assert [delay for delay, _ in got] == [-1, 0, 0.01, 0.02]
    for delay, fired in got:
        assert fired >= delay


def test_an_infinite_delay_never_fires_and_can_be_cancelled(any_loop: SelectorEventLoop) -> None:
    got: list[int] = []
    handle = any_loop.call_later(float("inf"), got.append, 1)
    any_loop.call_later(0.001, any_loop.stop)
    any_loop.run_forever()
    assert got == []
    handle.cancel()


@pytest.mark.parametrize("method", ["call_later", "call_at"])
def test_times_that_are_no_numbers_are_refused(any_loop: SelectorEventLoop, method: str) -> None:
    with pytest.raises(ValueError, match="nan"):
        getattr(any_loop, method)(float("nan"), print)
    with pytest.raises(TypeError):
        getattr(any_loop, method)(None, print)
    with pytest.raises(TypeError):
        getattr(any_loop, method)("1", print)
    assert any_loop._timers.heap == []


def test_a_clock_replaced_on_the_instance_is_the_one_that_counts(any_loop: SelectorEventLoop) -> None:
    got: list[int] = []
    with mock.patch.object(any_loop, "time", return_value=1000.0) as clock:
        any_loop.call_at(2000.0, got.append, 1)
        any_loop.call_later(500, got.append, 0)
        turn(any_loop)
        assert got == []
        clock.return_value = 1500.0
        turn(any_loop)
        assert got == [0]
        clock.return_value = 2001.0
        turn(any_loop)
        assert got == [0, 1]
    assert abs(any_loop.time() - time.monotonic()) < 10


def test_cancelled_timers_do_not_pile_up(any_loop: SelectorEventLoop) -> None:
    for _ in range(5000):
        any_loop.call_later(1000, print).cancel()
    assert len(any_loop._timers.heap) < 250


# -- a closed loop ---------------------------------------------------------------------------------------------------


USES: dict[str, Callable[[SelectorEventLoop], Any]] = {
    "call_soon": lambda loop: loop.call_soon(print),
    "call_soon_threadsafe": lambda loop: loop.call_soon_threadsafe(print),
    "call_later": lambda loop: loop.call_later(1, print),
    "call_at": lambda loop: loop.call_at(1, print),
    "run_forever": lambda loop: loop.run_forever(),
    "run_in_executor": lambda loop: loop.run_in_executor(None, print),
    "add_signal_handler": lambda loop: loop.add_signal_handler(10, print),
}


@pytest.mark.parametrize("use", USES)
def test_a_closed_loop_takes_nothing(any_loop: SelectorEventLoop, use: str) -> None:
    any_loop.close()
    with pytest.raises(RuntimeError, match="Event loop is closed"):
        USES[use](any_loop)


def test_a_closed_loop_makes_no_tasks(any_loop: SelectorEventLoop) -> None:
    any_loop.close()
    coro = _repr()
    with pytest.raises(RuntimeError, match="Event loop is closed"):
        _ = any_loop.create_task(coro)
    coro.close()


def test_closing_twice_has_no_effect(any_loop: SelectorEventLoop) -> None:
    any_loop.close()
    any_loop.close()
    assert any_loop.is_closed()
    assert any_loop._closed


def test_closing_forgets_callbacks_and_timers(any_loop: SelectorEventLoop) -> None:
    class Argument:
        pass

    argument = Argument()
    ref = weakref.ref(argument)
    any_loop.call_soon(id, argument)
    any_loop.call_later(1, id, argument)
    any_loop.close()
    del argument
    assert ref() is None


def test_an_unclosed_loop_warns_and_closes_itself() -> None:
    def drop() -> None:
        SelectorEventLoop()

    drop()
    with pytest.warns(ResourceWarning, match="unclosed event loop <SelectorEventLoop running=False"):
        gc.collect()


def test_arguments_that_are_wrong_leave_nothing_behind() -> None:
    with pytest.raises(TypeError):
        SelectorEventLoop(transports=[object()])
    gc.collect()


# -- replaced methods ------------------------------------------------------------------------------------------------


def test_methods_replaced_on_the_instance_are_honoured(any_loop: SelectorEventLoop) -> None:
    seen: list[str] = []
    call_soon, create_future = any_loop.call_soon, any_loop.create_future

    def spying_call_soon(*args: Any, **kwargs: Any) -> asyncio.Handle:
        seen.append("call_soon")
        return call_soon(*args, **kwargs)

    def spying_create_future() -> asyncio.Future[Any]:
        seen.append("create_future")
        return create_future()

    any_loop.call_soon = spying_call_soon  # type: ignore[assignment]
    any_loop.create_future = spying_create_future  # type: ignore[method-assign]
    any_loop.run_until_complete(asyncio.sleep(0.001))
    assert {"call_soon", "create_future"} <= set(seen)


def test_the_names_that_prompt_toolkit_reads_are_there(any_loop: SelectorEventLoop) -> None:
    handle = any_loop.call_soon(print)
    assert list(any_loop._ready) == [handle]
    assert any_loop._signal_handlers == {}
    handle.cancel()


def test_new_event_loop_makes_one() -> None:
    loop = loop_selector.new_event_loop()
    assert type(loop) is SelectorEventLoop
    loop.close()
