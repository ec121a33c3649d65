"""Certificates, made once, and the loops that the tests of this package run on."""

from __future__ import annotations

import asyncio
import importlib.util
from collections.abc import Callable
from typing import Any

import pytest

from tests.transport_ssl.support import Authority

LOOPS: dict[str, Callable[[], Any]] = {"asyncio": asyncio.SelectorEventLoop}

if importlib.util.find_spec("loop_selector") and importlib.util.find_spec("transport_socket"):
    import loop_selector

    LOOPS["loop_selector"] = loop_selector.new_event_loop


@pytest.fixture(params=LOOPS)
def loop_factory(request: pytest.FixtureRequest) -> Callable[[], Any]:
    """Make the loop below; this package must not care which one it is."""
    return LOOPS[request.param]


@pytest.fixture
def run(loop_factory: Callable[[], Any]) -> Callable[[Any], Any]:
    """Run a coroutine on the loop below."""

    def run(coroutine: Any) -> Any:
        with asyncio.Runner(loop_factory=loop_factory) as runner:
            return runner.run(asyncio.wait_for(coroutine, 30))

    return run


@pytest.fixture(scope="session")
def authority() -> Authority:
    """Certificates of a server, of a client, and of all that is wrong with certificates."""
    pytest.importorskip("trustme", reason="trustme makes the certificates of the TLS tests")
    return Authority()
