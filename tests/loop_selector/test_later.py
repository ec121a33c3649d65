"""Methods whose modules are imported when they are first needed."""

from __future__ import annotations

import inspect
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from loop_selector import SelectorEventLoop

if TYPE_CHECKING:
    from concurrent.futures import Executor


def _after(program: str) -> set[str]:
    """Run a program in a fresh interpreter and return the modules that it has imported."""
    program = f"import sys\n{program}\nprint(*sys.modules)"
    return set(
        subprocess.run([sys.executable, "-c", program], capture_output=True, check=True, text=True).stdout.split()
    )


def test_a_loop_without_transports_imports_nothing_of_transports() -> None:
    imported = _after("import loop_selector\nloop_selector.run(__import__('asyncio').sleep(0.001))")
    assert "loop_selector._scheduler" in imported
    assert not imported & {"transport_abc", "loop_selector._connections", "loop_selector._registry", "dataclasses"}


def test_a_look_up_imports_the_module_of_the_method_only() -> None:
    imported = _after("import loop_selector\nloop_selector.SelectorEventLoop.create_server")
    assert "loop_selector._connections" in imported
    assert "loop_selector._endpoints" not in imported


def test_every_method_is_an_ordinary_one_once_looked_up() -> None:
    for name in ("create_connection", "create_datagram_endpoint", "start_tls", "sendfile", "run_in_executor"):
        method = getattr(SelectorEventLoop, name)
        assert inspect.isfunction(method)
        assert method is vars(SelectorEventLoop)[name]
        assert next(iter(inspect.signature(method).parameters)) == "loop"
    assert inspect.iscoroutinefunction(SelectorEventLoop.create_connection)


def test_a_subclass_overrides_and_calls_them() -> None:
    calls = []

    class Loud(SelectorEventLoop):
        def set_default_executor(self, executor: Executor) -> None:
            calls.append(executor)
            super().set_default_executor(executor)

    loop = Loud()
    with ThreadPoolExecutor() as executor:
        loop.set_default_executor(executor)
        assert loop.run_until_complete(loop.run_in_executor(None, int, "7")) == 7
    assert calls == [executor]
    loop.close()
