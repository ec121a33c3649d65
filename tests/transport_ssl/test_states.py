"""The table of states: which event leads where, and which cannot happen."""

from __future__ import annotations

import pytest

from transport_ssl._states import DELIVERING, WRITABLE, Event, State, after


def walk(*events: Event) -> State:
    state = State.NEW
    for event in events:
        state = after(state, event)
    return state


OPEN = (Event.CONNECTED, Event.VERIFIED)


@pytest.mark.parametrize(
    ("events", "state"),
    [
        ((Event.CLOSE,), State.CLOSING),
        ((Event.CLOSE, Event.PEER_ENDED), State.ENDING),
        ((Event.PEER_ENDED, Event.CLOSE), State.ENDING),
        ((Event.WRITE_EOF,), State.WRITE_CLOSED),
        ((Event.WRITE_EOF, Event.CLOSE, Event.PEER_ENDED), State.ENDING),
        ((Event.WRITE_EOF, Event.PEER_ENDED), State.BOTH_CLOSED),
        ((Event.PEER_ENDED, Event.WRITE_EOF, Event.CLOSE), State.ENDING),
    ],
)
def test_each_side_ends_for_itself(events: tuple[Event, ...], state: State) -> None:
    assert walk(*OPEN, *events) is state


@pytest.mark.parametrize("state", State)
def test_giving_up_is_possible_at_any_time(state: State) -> None:
    assert after(state, Event.GIVE_UP) is State.ENDING


@pytest.mark.parametrize("state", [State.NEW, State.HANDSHAKE])
def test_nothing_is_delivered_or_sent_before_the_peer_is_verified(state: State) -> None:
    assert state not in DELIVERING | WRITABLE
    for event in (Event.PEER_ENDED, Event.WRITE_EOF, Event.CLOSE):
        with pytest.raises(RuntimeError, match=f"{event.name} cannot happen to a TLS connection in state {state.name}"):
            after(state, event)


def test_nothing_follows_the_end() -> None:
    for event in set(Event) - {Event.GIVE_UP}:
        with pytest.raises(RuntimeError):
            after(State.ENDING, event)
