"""What every transport shares: its loop, its protocol, its context, its errors and its end.

Theory of operation. A transport lives through three states, and moves through them in this order only:

* open: callbacks may come;
* closing (``_closing``): nothing more is received, what is buffered is still sent;
* lost (``_conn_lost``): ``connection_lost`` is scheduled or was called; nothing else is called any more.

``connection_lost`` is always scheduled, never called from within a method of the transport, so that a protocol need
not be prepared for it in the middle of its own code. After it the transport lets go of its protocol, its context and
its resource, which breaks the cycle between transport and protocol: a closed connection is freed by reference
counting alone.

All callbacks run in one ``contextvars.Context``, captured when the transport is made. Readiness callbacks and
``call_soon`` enter it at the boundary to the loop; a callback made from within a method that user code called
(``pause_writing`` from ``write``) enters it in :meth:`Endpoint._enter`.

One rule for a protocol callback that raises: reported once through the loop's exception handler, then the transport is
aborted, then ``connection_lost`` gets the exception. KeyboardInterrupt and SystemExit are not errors and pass through.
"""

from __future__ import annotations

import logging
import warnings
from contextvars import Context, copy_context
from typing import TYPE_CHECKING, Any

from transport_abc._readiness import readiness_of
from transport_abc._transports import BaseTransport

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Mapping

    from transport_abc._loop import TransportLoop
    from transport_abc._protocols import BaseProtocol

__all__ = ["Endpoint"]

_NO_CONTEXT = Context()

_logger = logging.getLogger("asyncio")

_DROPPED_WRITES_WARNING = 5  # asyncio warns from the fifth write on a lost connection


class Endpoint(BaseTransport):
    """The base of all transports; it knows how a transport begins, fails and ends, not what it carries.

    Args:
        loop: the loop that makes the callbacks.
        protocol: the receiver of the callbacks.
        context: the context in which all callbacks run; a copy of the current one by default.
        extra: what :meth:`BaseTransport.get_extra_info` returns, by name.
    """

    __slots__ = ("_closing", "_conn_lost", "_context", "_loop", "_made", "_protocol", "_readiness")

    _extra: dict[str, Any]  # of asyncio.BaseTransport

    def __init__(
        self,
        loop: TransportLoop,
        protocol: BaseProtocol | asyncio.BaseProtocol,
        *,
        context: Context | None = None,
        extra: Mapping[str, Any] | None = None,
    ) -> None:
        self._extra = {} if extra is None else dict(extra)
        self._closing = self._made = False
        self._conn_lost = 0
        self._loop = loop
        self._readiness = readiness_of(loop)
        self._context = copy_context() if context is None else context
        self._protocol: Any = None
        self.set_protocol(protocol)

    def set_protocol(self, protocol: BaseProtocol | asyncio.BaseProtocol) -> None:
        """Give the callbacks that follow to another protocol; both must be made for the switch."""
        self._protocol = protocol

    def get_protocol(self) -> BaseProtocol:  # type: ignore[override]
        """Return the current protocol; None once the connection is lost."""
        protocol: BaseProtocol = self._protocol
        return protocol

    def is_closing(self) -> bool:
        """Return True if the transport is closing or closed."""
        return self._closing

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {' '.join(self._describe())}>"

    def _describe(self) -> list[str]:
        """Return the words of the repr; subclasses add theirs."""
        state = "closed" if self._conn_lost else "closing" if self._closing else "open"
        peer = self.get_extra_info("peername")
        return [state] if peer is None else [state, f"peer={peer!r}"]

    def __del__(self) -> None:
        try:
            if self._conn_lost or self._protocol is None:
                return
        except AttributeError:  # __init__ itself failed
            return
        try:
            warnings.warn(f"unclosed transport {self!r}", ResourceWarning, source=self, stacklevel=2)
        finally:  # a warning may be an error
            self._close_resource()

    # -- the beginning ---------------------------------------------------------------------------------------------

    def _start(self, waiter: asyncio.Future[None] | None = None) -> None:
        """Call ``connection_made`` and begin to receive; to be called once, in the transport's first moment.

        Args:
            waiter: resolved after ``connection_made``. With it everything is scheduled: whoever awaits the future runs
                before the first byte is received, an order that users of ``create_connection`` rely on. Without it,
                ``connection_made`` is called before this method returns.
        """
        if waiter is None:
            self._call_connection_made()
            self._begin_reading()
        else:
            # Not in our context, which _call() enters: to be refused, as it was entered already, takes much longer.
            self._loop.call_soon(self._start_for, waiter)

    def _start_inside(self) -> None:
        """Do as :meth:`_start` without a waiter, for a caller who has entered the transport's context."""
        self._made = True
        self._call_inside("connection_made", self)
        self._begin_reading()

    def _start_for(self, waiter: asyncio.Future[None]) -> None:
        self._call_connection_made()
        if not waiter.done():
            waiter.set_result(None)
        # The waiter's task is woken by a call_soon of its own; this one comes after it.
        self._loop.call_soon(self._begin_reading, context=self._context)

    def _begin_reading(self) -> None:
        """Watch what the transport receives from; a hook for subclasses, called once, after ``connection_made``."""

    # -- callbacks of the protocol ---------------------------------------------------------------------------------

    def _enter(self, callback: Callable[..., Any], *args: Any) -> Any:
        """Call a function in the transport's context, also when the caller is already inside it."""
        entered = False

        def inside() -> Any:
            nonlocal entered
            entered = True
            return callback(*args)

        try:
            return self._context.run(inside)
        except RuntimeError:
            # A context cannot be entered twice; inside() not having run tells that refusal from an error of the
            # callback.
            if entered:
                raise
        return callback(*args)

    def _call(self, name: str, *args: Any) -> Any:
        """Call a callback of the protocol in the transport's context, under the rule for callbacks that raise."""
        try:
            return self._context.run(self._call_inside, name, *args)
        except RuntimeError as exc:
            # As in _enter(), but cheaper: what comes from within _call_inside() has passed through its frame.
            if exc.__traceback__ is None or exc.__traceback__.tb_next is not None:
                raise
        return self._call_inside(name, *args)

    def _call_inside(self, name: str, *args: Any) -> Any:
        """Call a callback of the protocol under the rule; the caller has entered the transport's context."""
        try:
            return getattr(self._protocol, name)(*args)
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException as exc:
            self._callback_failed(name, exc)

    def _call_connection_made(self) -> None:
        """Call ``connection_made``; from now on ``connection_lost`` is owed."""
        self._made = True
        self._call("connection_made", self)

    def _callback_failed(self, name: str, exc: BaseException) -> None:
        """Report an exception that a callback of the protocol raised, and abort."""
        self._report(f"Fatal error: protocol.{name}() call failed.", exc)
        self._force_close(exc)

    # -- errors ----------------------------------------------------------------------------------------------------

    def _report(self, message: str, exc: BaseException) -> None:
        """Report an error that no caller can be told of."""
        context = {"message": message, "exception": exc, "transport": self, "protocol": self._protocol}
        peer = self.get_extra_info("peername")
        if peer is not None:
            context["peername"] = peer
        self._loop.call_exception_handler(context)

    def _fail(self, exc: BaseException, message: str = "Fatal error on transport") -> None:
        """End the connection because of an error.

        An OSError is an ordinary end, which ``connection_lost`` tells; anything else is a fault of the program and is
        reported as well.
        """
        if not isinstance(exc, OSError):
            self._report(message, exc)
        self._force_close(exc)

    def _fatal_error(self, exc: BaseException, message: str = "Fatal error on transport") -> None:
        """Do as :meth:`_fail`, under the name that asyncio's SSLProtocol calls on the transport below it."""
        self._fail(exc, message)

    def _count_dropped(self) -> None:
        """Count what is written after the connection was lost, and warn once; while it is closing that is ordinary."""
        if self._conn_lost:
            self._conn_lost += 1
            if self._conn_lost == _DROPPED_WRITES_WARNING + 1 and self._protocol is not None:
                _logger.warning("%r: data written after the connection was lost is dropped", self)

    # -- the end ---------------------------------------------------------------------------------------------------

    def close(self) -> None:
        """Close the transport; without a buffer for writing there is nothing to wait for."""
        if not self._closing:
            self._force_close(None)

    def abort(self) -> None:
        """Close at once; what is buffered is lost. The protocol's ``connection_lost(None)`` follows."""
        self._force_close(None)

    def _force_close(self, exc: BaseException | None) -> None:
        """Stop everything and lose the connection; no effect on a connection that is lost."""
        if not self._conn_lost:
            self._closing = True
            self._detach()
            self._lose(exc)

    def _lose(self, exc: BaseException | None) -> None:
        """Schedule ``connection_lost``, the last callback."""
        self._conn_lost = 1
        try:
            self._loop.call_soon(self._call_connection_lost, exc, context=self._context)
        except RuntimeError:
            if not self._loop.is_closed():
                raise
            self._release()  # no callback can come any more, but the resource must not leak

    def _call_connection_lost(self, exc: BaseException | None) -> None:
        try:
            if self._made:
                self._protocol.connection_lost(exc)
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException as error:
            self._report("Fatal error: protocol.connection_lost() call failed.", error)
        finally:
            self._release()

    def _release(self) -> None:
        """Let go of everything that could keep the connection alive."""
        self._close_resource()
        self._protocol = None
        self._context = _NO_CONTEXT

    def _detach(self) -> None:
        """Stop watching and drop what is buffered; a hook for subclasses."""

    def _close_resource(self) -> None:
        """Close what the transport owns; a hook for subclasses, called once, after ``connection_lost``."""
