# pyright: reportAssignmentType=false
# (pyright compares a function that becomes a method with the inherited method, self and all)
"""The asyncio-facing event loop: every method of :class:`asyncio.AbstractEventLoop`.

The class below is a table of contents. What is called many thousand times a second stands here; the rest is named
here and written in a module per theme, as functions that take the loop as their first argument.
"""

from __future__ import annotations

import asyncio
import functools
import time
import warnings
import weakref
from contextvars import copy_context
from heapq import heappush
from typing import TYPE_CHECKING, Any, TypeVar, TypeVarTuple, cast

from loop_selector import _debug, _lifecycle, _reports, _resolve, _sockets, _tasks
from loop_selector._handles import Handle, TimerHandle
from loop_selector._later import Later
from loop_selector._pollers import Poller, default_poller
from loop_selector._scheduler import Scheduler
from loop_selector._signals import Signals
from loop_selector._wakeup import Wakeup

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from concurrent.futures import ThreadPoolExecutor
    from contextvars import Context

    from _typeshed import HasFileno

    from loop_selector import _connections, _endpoints, _executor, _sendfile, _tls
    from loop_selector._readiness import Watches
    from loop_selector._registry import Registry
    from transport_abc import EventLoop, Plugin

    _PluginT = TypeVar("_PluginT", bound=Plugin)
    _Ts = TypeVarTuple("_Ts")
else:
    # A loop starts with what it needs to run callbacks; to import the rest, and what that imports, takes twice as long.
    _connections = Later("loop_selector._connections")
    _endpoints = Later("loop_selector._endpoints")
    _executor = Later("loop_selector._executor")
    _sendfile = Later("loop_selector._sendfile")
    _tls = Later("loop_selector._tls")
    EventLoop = asyncio.AbstractEventLoop  # as transport_abc has it

__all__ = ["SelectorEventLoop"]


class SelectorEventLoop(EventLoop):
    """A complete asyncio event loop over epoll, kqueue or select, whose transports are plug-ins.

    Source of the behaviour of every method: Python documentation, "Event Loop", of Python 3.13 on all versions.

    Args:
        transports: plug-ins that are used before those installed: a mapping from name to plug-in, or plug-ins with an
            attribute ``name``; classes or instances of :class:`transport_abc.Plugin`.
        poller: how to watch descriptors: a poller, or a function that makes one. By default the system's best.

    Attributes:
        slow_callback_duration: from how many seconds on a callback is reported as slow, in debug mode.
    """

    def __init__(
        self,
        *,
        transports: Mapping[str, Any] | Iterable[Any] | None = None,
        poller: Poller | Callable[[], Poller] | None = None,
    ) -> None:
        self._closed = self._guarded = True  # until everything is there
        self._debug = False
        self._plugins: Registry | None = None if transports is None else _registry_of(transports)
        if type(self).time is SelectorEventLoop.time:
            # The clock itself, without a frame of Python around it: it is read in each turn that has timers.
            # (Not by vars(self), which makes every attribute slower on 3.11 and 3.12: it gives the object a real dict.)
            self.time = time.monotonic  # type: ignore[method-assign]
        self._scheduler = Scheduler(
            self, _make_poller(poller), self._callback_failed, functools.partial(_reports.io_failed, self)
        )
        self._ready = self._scheduler.ready  # prompt_toolkit asks whether it is empty
        self._timers = self._scheduler.timers
        self._watches = self._scheduler.watches
        self._wakeup = Wakeup(self._watches, functools.partial(_reports.wakeup_broken, self))
        self._signals = Signals(self)
        self._signal_handlers = self._signals.handlers  # prompt_toolkit puts back what it finds there
        self._waits = _sockets.Waits(self)
        self._thread_id: int | None = None
        self._exception_handler: Callable[[Any, dict[str, Any]], object] | None = None
        self._task_factory: Callable[..., asyncio.Future[Any]] | None = None
        self._default_executor: ThreadPoolExecutor | None = None
        self._executor_shutdown_called = False
        self._lookups = _resolve.LookupThreads()
        self._asyncgens: weakref.WeakSet[Any] = weakref.WeakSet()
        self._asyncgens_shutdown_called = False
        self._tracked_depth: int | None = None
        self._observer = _debug.DebugObserver(self)
        self.slow_callback_duration = 0.1
        self._closed = False
        self.set_debug(_debug.is_debug_wanted())
        _lifecycle.register(self)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} running={self.is_running()} closed={self.is_closed()} debug={self.get_debug()}>"

    def __del__(self) -> None:
        if not getattr(self, "_closed", True):
            warnings.warn(f"unclosed event loop {self!r}", ResourceWarning, source=self, stacklevel=2)
            if not self.is_running():
                self.close()

    # -- running ---------------------------------------------------------------------------------------------------

    run_forever = _lifecycle.run_forever
    run_until_complete = _lifecycle.run_until_complete
    stop = _lifecycle.stop
    close = _lifecycle.close
    shutdown_asyncgens = _lifecycle.shutdown_asyncgens
    shutdown_default_executor = _executor.shutdown_default_executor

    def is_running(self) -> bool:
        """Return True if the loop is running."""
        return self._thread_id is not None

    def is_closed(self) -> bool:
        """Return True if the loop was closed."""
        return self._closed

    def _check_closed(self) -> None:
        if self._closed:
            raise RuntimeError("Event loop is closed")

    # -- callbacks -------------------------------------------------------------------------------------------------

    def time(self) -> float:
        """Return the loop's clock, in seconds: a monotonic clock of the system."""
        return time.monotonic()

    def call_soon(
        self, callback: Callable[[*_Ts], object], *args: *_Ts, context: Context | None = None
    ) -> asyncio.Handle:
        """Call a function in the next turn of the loop, in the order of the calls of this method."""
        if self._guarded:
            return self._call_soon_guarded(callback, args, context, "call_soon")
        handle = Handle()
        handle._callback = callback
        handle._args = args
        handle._loop = self
        handle._context = copy_context() if context is None else context
        self._ready.append(handle)
        return handle

    def call_soon_threadsafe(
        self, callback: Callable[[*_Ts], object], *args: *_Ts, context: Context | None = None
    ) -> asyncio.Handle:
        """Call a function soon, from any thread."""
        if self._guarded:
            guarded = self._call_soon_guarded(callback, args, context, "call_soon_threadsafe")
            self._wakeup.wake()
            return guarded
        handle = Handle()
        handle._callback = callback
        handle._args = args
        handle._loop = self
        handle._context = copy_context() if context is None else context
        self._ready.append(handle)
        if not self._wakeup.pending:
            self._wakeup.wake()
        return handle

    def call_later(
        self, delay: float, callback: Callable[[*_Ts], object], *args: *_Ts, context: Context | None = None
    ) -> asyncio.TimerHandle:
        """Call a function after a delay in seconds; at once if it is negative, never if it is infinite."""
        if delay is None:  # pyright: ignore[reportUnnecessaryComparison]
            raise TypeError("delay must not be None")
        when = self.time() + delay
        if self._guarded or when != when:
            return self._call_at_guarded(when, callback, args, context, "call_later")
        timer = TimerHandle()
        timer._callback = callback
        timer._args = args
        timer._loop = self
        timer._context = copy_context() if context is None else context
        timer._when = when
        queue = self._timers
        if queue.timers.setdefault(when, timer) is timer:
            heappush(queue.heap, when)
        else:
            queue.share(when, timer)
        return timer

    def call_at(
        self, when: float, callback: Callable[[*_Ts], object], *args: *_Ts, context: Context | None = None
    ) -> asyncio.TimerHandle:
        """Call a function at a time of the loop's clock, in seconds."""
        if when is None:  # pyright: ignore[reportUnnecessaryComparison]
            raise TypeError("when cannot be None")
        # One comparison for a usual number; anything else must not get into the heap, where it would stop the loop.
        if self._guarded or not (when >= 0 or when < 0):
            return self._call_at_guarded(when, callback, args, context, "call_at")
        timer = TimerHandle()
        timer._callback = callback
        timer._args = args
        timer._loop = self
        timer._context = copy_context() if context is None else context
        timer._when = when
        self._timers.push(when, timer)
        return timer

    def _timer_handle_cancelled(self, handle: Any) -> None:
        """Forget a cancelled timer; the name by which asyncio.TimerHandle.cancel() calls it."""
        self._timers.discard(handle)

    _call_soon_guarded = _debug.call_soon_guarded
    _call_at_guarded = _debug.call_at_guarded
    _check_callback = _debug.check_callback
    _check_thread = _debug.check_thread
    get_debug = _debug.get_debug
    set_debug = _debug.set_debug

    # -- futures and tasks -----------------------------------------------------------------------------------------

    def create_future(self) -> asyncio.Future[Any]:
        """Create a future of this loop."""
        return asyncio.Future(loop=self)

    create_task = _tasks.create_task
    set_task_factory = _tasks.set_task_factory
    get_task_factory = _tasks.get_task_factory

    # -- errors ----------------------------------------------------------------------------------------------------

    call_exception_handler = _reports.call_exception_handler
    default_exception_handler = _reports.default_exception_handler
    get_exception_handler = _reports.get_exception_handler
    set_exception_handler = _reports.set_exception_handler
    _callback_failed = _reports.callback_failed

    # -- threads and names -----------------------------------------------------------------------------------------

    run_in_executor = _executor.run_in_executor
    set_default_executor = _executor.set_default_executor
    getaddrinfo = _resolve.getaddrinfo
    getnameinfo = _resolve.getnameinfo

    # -- descriptors -----------------------------------------------------------------------------------------------

    @property
    def readiness(self) -> Watches:
        """Return what watches descriptors for transports, a :class:`transport_abc.Readiness`."""
        return self._watches

    def add_reader(self, fd: int | HasFileno, callback: Callable[[*_Ts], Any], *args: *_Ts) -> None:
        """Call a function, in the caller's context, whenever a descriptor is readable.

        Args:
            fd: a descriptor, or an object with ``fileno()``.
            callback: replaces the one that was there.
            args: its arguments.

        Raises:
            ValueError: if this is not a descriptor.
            RuntimeError: if a transport owns it.
        """
        number = _sockets.free_descriptor(self, fd)
        self._check_closed()
        self._watches.start_reading(number, functools.partial(copy_context().run, callback, *args))

    def remove_reader(self, fd: int | HasFileno) -> bool:
        """Undo :meth:`add_reader`; return whether there was something to undo."""
        return self._watches.stop_reading(_sockets.free_descriptor(self, fd))

    def add_writer(self, fd: int | HasFileno, callback: Callable[[*_Ts], Any], *args: *_Ts) -> None:
        """Call a function, in the caller's context, whenever a descriptor is writable; see :meth:`add_reader`."""
        number = _sockets.free_descriptor(self, fd)
        self._check_closed()
        self._watches.start_writing(number, functools.partial(copy_context().run, callback, *args))

    def remove_writer(self, fd: int | HasFileno) -> bool:
        """Undo :meth:`add_writer`; return whether there was something to undo."""
        return self._watches.stop_writing(_sockets.free_descriptor(self, fd))

    sock_recv = _sockets.sock_recv
    sock_recv_into = _sockets.sock_recv_into
    sock_recvfrom = _sockets.sock_recvfrom
    sock_recvfrom_into = _sockets.sock_recvfrom_into
    sock_sendall = _sockets.sock_sendall
    sock_sendto = _sockets.sock_sendto
    sock_connect = _sockets.sock_connect
    sock_accept = _sockets.sock_accept
    sock_sendfile = _sendfile.sock_sendfile

    # -- signals ---------------------------------------------------------------------------------------------------

    def add_signal_handler(self, sig: int, callback: Callable[[*_Ts], object], *args: *_Ts) -> None:
        """Call a function in the loop when a signal arrives; from the main thread only.

        Raises:
            TypeError: if the callback is a coroutine (function), or the signal not an int.
            ValueError: if there is no such signal.
            RuntimeError: if it cannot be caught, or this is not the main thread.
        """
        self._signals.add(sig, callback, args)

    def remove_signal_handler(self, sig: int) -> bool:
        """Put the signal's default behaviour back; return whether there was a handler."""
        return self._signals.remove(sig)

    # -- transports ------------------------------------------------------------------------------------------------

    def plugin(self, name: str, kind: Callable[..., _PluginT]) -> _PluginT:
        """Return the plug-in that makes the transports of a name.

        Args:
            name: ``tcp``, ``unix``, ``udp``, ``unix-datagram``, ``ssl``, ``pipe``, ``subprocess``, or another one
                that is installed.
            kind: the class that the plug-in must be an instance of, such as :class:`transport_abc.StreamPlugin`.

        Raises:
            MissingTransportError: if no plug-in of that name is installed.
            PluginError: if there is one that cannot be used.
        """
        if self._plugins is None:
            self._plugins = _registry_of(None)
        return self._plugins.find(name, kind)

    create_connection = _connections.create_connection
    create_server = _connections.create_server
    connect_accepted_socket = _connections.connect_accepted_socket
    create_unix_connection = _connections.create_unix_connection
    create_unix_server = _connections.create_unix_server
    start_tls = _tls.start_tls
    sendfile = _sendfile.sendfile
    create_datagram_endpoint = _endpoints.create_datagram_endpoint
    connect_read_pipe = _endpoints.connect_read_pipe
    connect_write_pipe = _endpoints.connect_write_pipe
    subprocess_exec = _endpoints.subprocess_exec
    subprocess_shell = _endpoints.subprocess_shell


def _registry_of(given: Mapping[str, Any] | Iterable[Any] | None) -> Registry:
    from loop_selector._registry import Registry

    return Registry(given)


def _make_poller(poller: Poller | Callable[[], Poller] | None) -> Poller:
    if poller is None:
        return default_poller()
    # A class of pollers has the methods of a poller as well, unbound.
    is_ready = hasattr(poller, "poll") and not isinstance(poller, type)
    return cast("Poller", poller) if is_ready else cast("Callable[[], Poller]", poller)()
