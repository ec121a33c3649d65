from __future__ import annotations

import asyncio
import contextvars
import functools
import logging
import socket
from typing import TYPE_CHECKING, Any

import pytest

from loop_selector._reports import describe

if TYPE_CHECKING:
    from loop_selector import SelectorEventLoop


def turn(loop: SelectorEventLoop) -> None:
    loop.stop()
    loop.run_forever()


def _fail(*args: object) -> None:
    raise ZeroDivisionError("on purpose")


@pytest.mark.parametrize("debug", [False, True], ids=["normal", "debug"])
def test_a_failing_callback_is_reported_with_its_handle(loop: SelectorEventLoop, debug: bool) -> None:
    loop.set_debug(debug)
    reports: list[tuple[Any, dict[str, Any]]] = []
    loop.set_exception_handler(lambda *args: reports.append(args))
    handle = loop.call_soon(_fail, "secret")
    turn(loop)
    [(reported_by, context)] = reports
    assert reported_by is loop
    assert context["message"].startswith("Exception in callback _fail(")
    assert f" at {__file__}:" in context["message"]
    assert ("secret" in context["message"]) is debug
    assert isinstance(context["exception"], ZeroDivisionError)
    assert context["handle"] is handle


@pytest.mark.parametrize("debug", [False, True], ids=["normal", "debug"])
@pytest.mark.parametrize("direction", ["reader", "writer"])
def test_a_failing_callback_of_a_descriptor_is_reported_the_same_way(
    loop: SelectorEventLoop, debug: bool, direction: str
) -> None:
    loop.set_debug(debug)
    reports: list[dict[str, Any]] = []
    loop.set_exception_handler(lambda _, context: reports.append(context))
    near, far = socket.socketpair()
    with near, far:
        far.send(b"x")
        getattr(loop, f"add_{direction}")(near, _fail)
        turn(loop)
        getattr(loop, f"remove_{direction}")(near)
    [context] = reports
    assert context["message"].startswith("Exception in callback _fail()")
    assert isinstance(context["handle"], asyncio.Handle)
    assert isinstance(context["exception"], ZeroDivisionError)


def test_the_default_handler_logs_everything_that_is_known(
    loop: SelectorEventLoop, caplog: pytest.LogCaptureFixture
) -> None:
    try:
        _fail()
    except ZeroDivisionError as exc:
        error = exc
    loop.call_exception_handler({"message": "it failed", "exception": error, "b": 1, "a": "x"})
    [record] = caplog.records
    assert (record.name, record.levelno) == ("asyncio", logging.ERROR)
    assert record.getMessage() == "it failed\na: 'x'\nb: 1"
    assert record.exc_info is not None
    assert record.exc_info[1] is error


def test_a_report_without_a_message_gets_one(loop: SelectorEventLoop, caplog: pytest.LogCaptureFixture) -> None:
    loop.call_exception_handler({})
    assert caplog.records[0].getMessage() == "Unhandled exception in event loop"
    assert not caplog.records[0].exc_info


def test_the_default_handler_shows_where_things_were_made(
    loop: SelectorEventLoop, caplog: pytest.LogCaptureFixture
) -> None:
    loop.set_debug(True)
    loop.call_soon(_fail)
    loop.call_soon(loop.call_exception_handler, {"message": "within a callback"})
    turn(loop)
    first, second = (record.getMessage() for record in caplog.records)
    assert "source_traceback: Object created at (most recent call last):\n" in first
    assert "handle_traceback: Handle created at (most recent call last):\n" in second
    assert __file__ in first
    assert __file__ in second


def test_a_handler_can_be_asked_for_and_taken_back(loop: SelectorEventLoop, caplog: pytest.LogCaptureFixture) -> None:
    def handler(loop: Any, context: Any) -> None:
        raise AssertionError

    assert loop.get_exception_handler() is None
    loop.set_exception_handler(handler)
    assert loop.get_exception_handler() is handler
    loop.set_exception_handler(None)
    loop.call_exception_handler({"message": "to the log"})
    assert caplog.records[0].getMessage() == "to the log"


def test_a_handler_must_be_callable(loop: SelectorEventLoop) -> None:
    with pytest.raises(TypeError, match="A callable object or None is expected, got 'text'"):
        loop.set_exception_handler("text")  # type: ignore[arg-type]


def test_a_handler_that_fails_is_reported_itself(loop: SelectorEventLoop, caplog: pytest.LogCaptureFixture) -> None:
    loop.set_exception_handler(_fail)
    loop.call_exception_handler({"message": "first"})
    [record] = caplog.records
    assert record.getMessage().startswith("Unhandled error in exception handler\ncontext: {'message': 'first'}")


def test_a_default_handler_that_fails_is_reported_itself(
    loop: SelectorEventLoop, caplog: pytest.LogCaptureFixture
) -> None:
    loop.default_exception_handler = _fail  # type: ignore[assignment]
    loop.call_exception_handler({})
    loop.set_exception_handler(_fail)
    loop.call_exception_handler({})
    assert [record.getMessage() for record in caplog.records] == [
        "Exception in default exception handler",
        "Exception in default exception handler while handling an unexpected error in custom exception handler",
    ]


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit])
def test_what_ends_a_program_leaves_a_handler(loop: SelectorEventLoop, kind: type[BaseException]) -> None:
    def end(loop: Any, context: Any) -> None:
        raise kind

    loop.set_exception_handler(end)
    loop.call_soon(_fail)
    with pytest.raises(kind):
        loop.run_forever()


@pytest.mark.parametrize("debug", [False, True], ids=["normal", "debug"])
def test_a_handler_runs_in_the_context_of_what_failed(loop: SelectorEventLoop, debug: bool) -> None:
    loop.set_debug(debug)
    variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable", default="outside")
    seen: list[str] = []
    loop.set_exception_handler(lambda *_: seen.append(variable.get()))
    context = contextvars.copy_context()
    context.run(variable.set, "inside")
    loop.call_soon(_fail, context=context)
    turn(loop)
    assert seen == ["inside"]


def test_a_handler_called_from_within_that_context_runs_as_well(loop: SelectorEventLoop) -> None:
    reports: list[dict[str, Any]] = []
    loop.set_exception_handler(lambda _, context: reports.append(context))
    context = contextvars.copy_context()
    handle = loop.call_soon(print, context=context)
    context.run(loop.call_exception_handler, {"message": "within", "handle": handle})
    handle.cancel()
    assert [report["message"] for report in reports] == ["within"]


def test_a_replaced_call_exception_handler_is_honoured(loop: SelectorEventLoop) -> None:
    reports: list[dict[str, Any]] = []
    loop.call_exception_handler = reports.append  # type: ignore[assignment,method-assign]
    loop.call_soon(_fail)
    turn(loop)
    assert isinstance(reports[0]["exception"], ZeroDivisionError)


def test_a_subclass_may_have_its_own_default_handler(caplog: pytest.LogCaptureFixture) -> None:
    from loop_selector import SelectorEventLoop

    seen: list[dict[str, Any]] = []

    class Sub(SelectorEventLoop):
        def default_exception_handler(self, context: dict[str, Any]) -> None:
            seen.append(context)

    loop = Sub()
    loop.call_exception_handler({"message": "x"})
    loop.close()
    assert seen == [{"message": "x"}]
    assert caplog.records == []


def test_callbacks_are_described_by_name_and_place() -> None:
    line = _fail.__code__.co_firstlineno
    assert describe(_fail, (), False) == f"_fail() at {__file__}:{line}"
    assert describe(_fail, (1, "x"), True) == f"_fail(1, 'x') at {__file__}:{line}"
    assert describe(functools.partial(_fail, 1), (2,), True) == f"_fail(1)(2) at {__file__}:{line}"
    assert describe(functools.partial(_fail, 1), (2,), False) == f"_fail()() at {__file__}:{line}"
    assert describe(print, (), False) == "print()"
    assert describe(None, None, True) == "None()"
