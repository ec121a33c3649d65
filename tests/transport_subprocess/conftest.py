"""Run each test that is a coroutine on stock asyncio, and on loop_selector where that is installed."""

from __future__ import annotations

import asyncio
import importlib.util
import inspect
import os
from typing import TYPE_CHECKING, Any, cast

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable


def _new_loop(module: str) -> Callable[[], asyncio.AbstractEventLoop]:
    if module == "asyncio":
        return asyncio.SelectorEventLoop
    make: Callable[[], asyncio.AbstractEventLoop] = importlib.import_module(module).new_event_loop
    return make


LOOPS = [name for name in ("asyncio", "loop_selector") if importlib.util.find_spec(name)]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if inspect.iscoroutinefunction(metafunc.function):
        metafunc.fixturenames.append("new_loop")
    if "new_loop" in metafunc.fixturenames:
        names = getattr(metafunc.module, "LOOPS", LOOPS)
        metafunc.parametrize("new_loop", [_new_loop(name) for name in names], ids=names)


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    wanted = inspect.signature(pyfuncitem.obj).parameters
    arguments: dict[str, Any] = {name: pyfuncitem.funcargs[name] for name in wanted}
    new_loop = cast("Callable[[], asyncio.AbstractEventLoop]", pyfuncitem.callspec.params["new_loop"])
    with asyncio.Runner(loop_factory=new_loop) as runner:
        runner.run(pyfuncitem.obj(**arguments))
    return True


@pytest.fixture
def without_pidfd(monkeypatch: pytest.MonkeyPatch) -> None:
    """A system without pidfds, where a thread waits for each process."""
    monkeypatch.delattr(os, "pidfd_open", raising=False)


def _set_exit_watch(way: str, monkeypatch: pytest.MonkeyPatch) -> str:
    if way == "pidfd" and not hasattr(os, "pidfd_open"):
        pytest.skip("this system has no pidfds")
    if way != "pidfd":
        monkeypatch.delattr(os, "pidfd_open", raising=False)
    if way == "thread without waitid":
        monkeypatch.delattr(os, "waitid", raising=False)
    return way


@pytest.fixture(params=["pidfd", "thread"])
def exit_watch(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """The ways of learning that a process has exited."""
    return _set_exit_watch(request.param, monkeypatch)


@pytest.fixture(params=["pidfd", "thread", "thread without waitid"])
def every_exit_watch(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """The same, and that of systems whose waitid(2) Python does not know."""
    return _set_exit_watch(request.param, monkeypatch)
