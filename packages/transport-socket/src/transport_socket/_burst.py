"""How many datagrams or connections to take at one wake-up.

Asking for another one when there is none costs a system call and an exception, more than the half of what receiving a
datagram costs; not asking when there are more costs another turn of the loop. So the number is guessed from the
wake-ups before: a quarter more after one that got all it asked for, and as many as there were after one that ran out.

The guess is kept in quarters: one request at a time then leads to a needless question after every fourth.
"""

from __future__ import annotations

__all__ = ["ONE", "fewer", "more"]

ONE = 4
"""The guess to begin with: one."""

_MOST = 32 * ONE  # a bound, so that a busy socket cannot starve the others


def more(quarters: int) -> int:
    """Return the next guess after as many were there as guessed."""
    return min(quarters * 5 // 4, _MOST)


def fewer(found: int) -> int:
    """Return the next guess after only so many were there."""
    return max(found * ONE, ONE)
