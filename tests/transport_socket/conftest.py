"""Run each test that is a coroutine on stock asyncio, and on loop_selector where that is installed."""

from __future__ import annotations

import asyncio
import importlib
import importlib.util
import inspect
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

LOOPS = [name for name in ("asyncio", "loop_selector") if importlib.util.find_spec(name)]


def _new_loop(module: str) -> Callable[[], asyncio.AbstractEventLoop]:
    make: Callable[[], asyncio.AbstractEventLoop] = importlib.import_module(module).new_event_loop
    return make


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if inspect.iscoroutinefunction(metafunc.function):
        metafunc.fixturenames.append("new_loop")
        metafunc.parametrize("new_loop", [_new_loop(name) for name in LOOPS], ids=LOOPS)


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    wanted = inspect.signature(pyfuncitem.obj).parameters
    arguments: dict[str, Any] = {name: pyfuncitem.funcargs[name] for name in wanted}
    with asyncio.Runner(loop_factory=pyfuncitem.callspec.params["new_loop"]) as runner:  # type: ignore[arg-type]
        runner.run(pyfuncitem.obj(**arguments))
    return True


@pytest.fixture
def path(tmp_path: Path) -> str:
    """A path for a Unix socket, short enough for one."""
    return str(tmp_path / "s")
