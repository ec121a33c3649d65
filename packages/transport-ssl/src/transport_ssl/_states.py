"""What state a TLS connection is in, and what moves it on.

Each side ends its own direction with an alert, ``close_notify`` (RFC 8446, section 6.1). So a connection has more
states than open and closed: each direction ends for itself, and between our last word and the end of the transport
below there is a time of waiting.

=============  ====================================================================================================
state          meaning
=============  ====================================================================================================
NEW            no transport below yet
HANDSHAKE      the peer is not verified; nothing is delivered, nothing of the protocol's is sent
OPEN           both directions carry data
WRITE_CLOSED   we said ``close_notify`` and still receive (``write_eof``)
READ_CLOSED    the peer said ``close_notify`` and still receives
BOTH_CLOSED    both said it; the protocol has asked to keep the transport open all the same
CLOSING        the protocol closed; what comes is dropped until the peer has said ``close_notify``
ENDING         nothing more is said or heard; the transport below sends what it still has, and ends
=============  ====================================================================================================

ENDING is left by ``connection_lost`` of the transport below, after which there are no states any more.
"""

from __future__ import annotations

from enum import Enum, auto

__all__ = ["DELIVERING", "WRITABLE", "Event", "State", "after"]


class State(Enum):
    """Where a TLS connection stands."""

    __hash__ = object.__hash__  # Enum's is a Python function, called 17 times in a short connection

    NEW = auto()
    HANDSHAKE = auto()
    OPEN = auto()
    WRITE_CLOSED = auto()
    READ_CLOSED = auto()
    BOTH_CLOSED = auto()
    CLOSING = auto()
    ENDING = auto()


class Event(Enum):
    """What happens to a TLS connection."""

    __hash__ = object.__hash__

    CONNECTED = auto()
    """There is a transport below."""
    VERIFIED = auto()
    """The handshake is complete, the peer is who it should be."""
    WRITE_EOF = auto()
    """The protocol has nothing more to send."""
    PEER_ENDED = auto()
    """The peer has nothing more to send."""
    CLOSE = auto()
    """The protocol wants the end."""
    GIVE_UP = auto()
    """An error, a deadline, or ``abort``."""


_TABLE: dict[State, dict[Event, State]] = {
    State.NEW: {
        Event.CONNECTED: State.HANDSHAKE,
    },
    State.HANDSHAKE: {
        Event.VERIFIED: State.OPEN,
    },
    State.OPEN: {
        Event.WRITE_EOF: State.WRITE_CLOSED,
        Event.PEER_ENDED: State.READ_CLOSED,
        Event.CLOSE: State.CLOSING,
    },
    State.WRITE_CLOSED: {
        Event.PEER_ENDED: State.BOTH_CLOSED,
        Event.CLOSE: State.CLOSING,
    },
    State.READ_CLOSED: {
        Event.WRITE_EOF: State.BOTH_CLOSED,
        Event.CLOSE: State.ENDING,
    },
    State.BOTH_CLOSED: {
        Event.CLOSE: State.ENDING,
    },
    State.CLOSING: {
        Event.PEER_ENDED: State.ENDING,
    },
    State.ENDING: {},
}

DELIVERING = frozenset({State.OPEN, State.WRITE_CLOSED})
"""The states in which what the peer sends goes to the protocol."""

WRITABLE = frozenset({State.OPEN, State.READ_CLOSED})
"""The states in which what the protocol writes goes to the peer."""


def after(state: State, event: Event) -> State:
    """Return the state that an event leads to. Giving up is possible at any time.

    Raises:
        RuntimeError: if the event cannot happen in this state, which is a fault of the caller.
    """
    if event is Event.GIVE_UP:
        return State.ENDING
    try:
        return _TABLE[state][event]
    except KeyError:
        raise RuntimeError(f"{event.name} cannot happen to a TLS connection in state {state.name}") from None
