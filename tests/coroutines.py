"""Tests that are coroutines, run on stock asyncio, and on loop_selector where that is installed.

A suite's ``conftest.py`` imports the two hooks; a module may narrow the choice with its own ``LOOPS``.
"""

from __future__ import annotations

import asyncio
import importlib
import importlib.util
import inspect
from typing import TYPE_CHECKING, Any, cast

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

LOOPS = [name for name in ("asyncio", "loop_selector") if importlib.util.find_spec(name)]


def _new_loop(module: str) -> Callable[[], asyncio.AbstractEventLoop]:
    if module == "asyncio":
        return asyncio.SelectorEventLoop
    make: Callable[[], asyncio.AbstractEventLoop] = importlib.import_module(module).new_event_loop
    return make


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Give every coroutine, and every test that asks for ``new_loop``, each loop in turn."""
    if inspect.iscoroutinefunction(metafunc.function):
        metafunc.fixturenames.append("new_loop")
    if "new_loop" in metafunc.fixturenames:
        names = getattr(metafunc.module, "LOOPS", LOOPS)
        metafunc.parametrize("new_loop", [_new_loop(name) for name in names], ids=names)


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Run a coroutine on the loop that its parameter makes."""
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    wanted = inspect.signature(pyfuncitem.obj).parameters
    arguments: dict[str, Any] = {name: pyfuncitem.funcargs[name] for name in wanted}
    new_loop = cast("Callable[[], asyncio.AbstractEventLoop]", pyfuncitem.callspec.params["new_loop"])
    with asyncio.Runner(loop_factory=new_loop) as runner:
        runner.run(pyfuncitem.obj(**arguments))
    return True
