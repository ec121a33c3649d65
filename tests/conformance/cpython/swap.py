"""Make every loop that a test asks for one of the loop under test.

A test gets its loop from ``asyncio.new_event_loop()``, from the policy, from ``asyncio.run()``, or by calling
``asyncio.SelectorEventLoop`` with or without a selector (ours then polls with it). The first three end in the default
policy's factory; the fourth is a name that tests look up when they run. A few base classes build a bare
``BaseEventLoop`` and replace its inside by mocks; their ``setUp`` is replaced by one that makes a real loop, except
for asyncio's own.
"""

from __future__ import annotations

import asyncio
import importlib
import logging
import signal
import socket
import sys
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    import selectors
    from collections.abc import Callable
    from types import ModuleType

LOOPS = ("loop_selector", "asyncio", "uvloop")
"""What can be tested: the module whose ``new_event_loop`` makes the loops."""


class Maker:
    """Make loops of one kind and count them.

    Args:
        kind: one of :data:`LOOPS`.
    """

    def __init__(self, kind: str) -> None:
        self.made = 0
        self.is_stock = kind == "asyncio"
        self._module: Any = importlib.import_module(kind)
        self._class = asyncio.SelectorEventLoop
        sample = self()
        sample.close()
        self.loop_class = type(sample)

    def __call__(self, selector: selectors.BaseSelector | None = None) -> asyncio.AbstractEventLoop:
        """Make a loop. A selector is honoured where the loop can poll with it."""
        self.made += 1
        if self.is_stock:
            return self._class(selector)
        if selector is not None and hasattr(self._module, "SelectPoller") and not _is_epoll(selector):
            poller = self._module.SelectPoller(selector)
            return cast("asyncio.AbstractEventLoop", self._module.SelectorEventLoop(poller=poller))
        if selector is not None:
            selector.close()
        return cast("asyncio.AbstractEventLoop", self._module.new_event_loop())


def _is_epoll(selector: selectors.BaseSelector) -> bool:
    return "Epoll" in type(selector).__name__


def install(make: Maker) -> None:
    """Swap the loop in, in this process, for good."""
    policy = asyncio.DefaultEventLoopPolicy
    policy._loop_factory = staticmethod(make)  # type: ignore[attr-defined]
    if not make.is_stock:
        _follow_replaced_loggers()
        _follow_replaced_modules()
        _name_as_asyncio_does(make.loop_class)
    stand_in = _stand_in_for_the_class(make)
    asyncio.SelectorEventLoop = stand_in  # type: ignore[assignment]
    if hasattr(asyncio, "EventLoop"):
        asyncio.EventLoop = stand_in


def _stand_in_for_the_class(make: Maker) -> type:
    """Look like a loop class to those who call it and to those who ask isinstance()."""

    class StandIn(type):
        def __call__(cls, *args: Any, **kwargs: Any) -> Any:
            return make(*args, **kwargs)

        def __instancecheck__(cls, instance: object) -> bool:
            return isinstance(instance, make.loop_class)

    return StandIn("SelectorEventLoop", (), {})


def _follow_replaced_loggers() -> None:
    """Pass on what is logged to "asyncio" to the mock that a test has put where asyncio's loop keeps its logger."""
    logger = logging.getLogger("asyncio")
    base_events: Any = importlib.import_module("asyncio.base_events")

    def follow(level: str) -> Callable[..., None]:
        log = getattr(logger, level)

        def follow_level(*args: object, **kwargs: object) -> None:
            replaced = base_events.logger
            (log if replaced is logger else getattr(replaced, level))(*args, **kwargs)

        return follow_level

    for level in ("error", "warning"):
        setattr(logger, level, follow(level))


class _Follower:
    """Stand for a module of the standard library, or for the mock that a test puts where asyncio's loop finds it.

    Args:
        module: the module.
        places: the modules of asyncio in which it may be replaced.
    """

    def __init__(self, module: ModuleType, places: list[ModuleType]) -> None:
        self._module = module
        self._places = places

    def __getattr__(self, name: str) -> Any:
        found = [getattr(place, self._module.__name__) for place in self._places]
        return getattr(next((other for other in found if other is not self._module), self._module), name)


def _follow_replaced_modules() -> None:
    """Let our loop and transports see the mock of a module that a test puts into asyncio's loop."""
    importlib.import_module("transport_socket")
    base, unix = (importlib.import_module(f"asyncio.{name}") for name in ("base_events", "unix_events"))
    followers = [_Follower(socket, [base, unix]), _Follower(signal, [unix])]
    for name, module in list(sys.modules.items()):
        if name.startswith(("loop_selector.", "transport_socket.")):
            for follower in followers:
                if vars(module).get(follower._module.__name__) is follower._module:
                    setattr(module, follower._module.__name__, follower)


def _name_as_asyncio_does(loop_class: Any) -> None:
    """Offer private names that tests use where a public one would do, if the loop does not have them."""

    def _run_once(loop: asyncio.AbstractEventLoop) -> None:
        loop.call_soon(loop.stop)
        loop.run_forever()

    def _stop_serving(loop: asyncio.AbstractEventLoop, sock: socket.socket) -> None:
        loop.remove_reader(sock)
        sock.close()

    loop_class._run_once = _run_once
    loop_class._stop_serving = _stop_serving
    loop_class._default_executor = None  # hidden by the attribute of an instance: the tests shut that one down


def adapt(module: ModuleType, make: Maker) -> None:
    """Replace what in a test module builds a loop out of asyncio's parts."""
    adapter = _ADAPTERS.get(module.__name__.rpartition(".")[2])
    if adapter is not None:
        adapter(module, make)


def _adapt_utils(utils: Any, make: Maker) -> None:
    """Use a real loop where a test asks for one with a false clock and writes no script for the clock."""
    new_scripted_loop = utils.TestCase.new_test_loop

    def new_test_loop(self: Any, script: object = None) -> asyncio.AbstractEventLoop:
        loop = make() if script is None else new_scripted_loop(self, script)
        self.set_event_loop(loop)
        return cast("asyncio.AbstractEventLoop", loop)

    utils.TestCase.new_test_loop = new_test_loop


def _adapt_runners(runners: Any, make: Maker) -> None:
    """Keep what the tests look at: whether asynchronous generators were shut down, and a replaced debug switch."""
    coroutines: Any = importlib.import_module("asyncio.coroutines")

    def new_loop(_: object) -> asyncio.AbstractEventLoop:
        loop: Any = make()
        loop.set_debug(coroutines._is_debug_mode())
        loop.shutdown_ag_run = False

        async def shutdown_asyncgens() -> None:
            loop.shutdown_ag_run = True

        loop.shutdown_asyncgens = shutdown_asyncgens
        return cast("asyncio.AbstractEventLoop", loop)

    runners.BaseTest.new_loop = new_loop


def _set_up_with(case: Any, make: Maker) -> None:
    set_up_stock = case.setUp

    def set_up(self: Any) -> None:
        if make.is_stock:
            make.made += 1
            set_up_stock(self)
            return
        super(case, self).setUp()
        self.loop = make()
        self.set_event_loop(self.loop)

    case.setUp = set_up


def _adapt_pep492(pep492: Any, make: Maker) -> None:
    _set_up_with(pep492.BaseTest, make)


def _adapt_base_events(base_events: Any, make: Maker) -> None:
    _set_up_with(base_events.BaseEventLoopTests, make)
    selector_events: Any = importlib.import_module("asyncio.selector_events")
    selector_events.BaseSelectorEventLoop = _stand_in_for_the_class(make)


_ADAPTERS: dict[str, Callable[[Any, Maker], None]] = {
    "utils": _adapt_utils,
    "test_runners": _adapt_runners,
    "test_pep492": _adapt_pep492,
    "test_base_events": _adapt_base_events,
}
