"""What a check is: one rule of behaviour, and a function that finds out whether a transport keeps it."""

from __future__ import annotations

import asyncio
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from transport_abc.testing._subjects import Subject
    from transport_abc.testing._trial import Trial

__all__ = ["Check", "CheckFailed", "check_into", "expect", "expect_equal"]

_S = TypeVar("_S", bound="Subject")


class CheckFailed(AssertionError):
    """A transport broke the rule; the message says what was expected and what was seen."""


def expect(condition: object, message: str) -> None:
    """Fail the check unless a condition holds; an ``assert`` would vanish under ``python -O``."""
    if not condition:
        raise CheckFailed(message)


def expect_equal(actual: object, expected: object, what: str) -> None:
    """Fail the check unless two values are equal."""
    expect(actual == expected, f"{what}: expected {expected!r}, got {actual!r}")


PATIENCE: ContextVar[float] = ContextVar("patience", default=10.0)
"""Seconds after which a check no longer waits for a callback; only a broken rule ever waits that long."""


@dataclass(frozen=True, eq=False)
class Check(Generic[_S]):
    """One rule of behaviour that can be tried on a transport, an endpoint, a loop or a plug-in.

    Args:
        name: a short identifier, unique within its kind.
        rule: the rule, in a sentence.
        trial: makes what the function is given; one is made for each run.
        function: tries the rule and raises :class:`CheckFailed` when it is broken.
        needs: the abilities without which the rule means nothing, by their names on the subject.
        fatal_to: implementations that the check would crash, interpreter and all; it is not run on them.
        known_faults: which fault makes which implementation fail, as ``{"asyncio-3.13": "…", "uvloop": "…"}``.
    """

    name: str
    rule: str
    trial: Callable[[_S], Trial[_S]]
    function: Callable[[Any], Awaitable[None]]
    needs: tuple[str, ...] = ()
    fatal_to: tuple[str, ...] = ()
    known_faults: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        return self.name

    async def run(self, subject: _S, *, patience: float = 10.0) -> None:
        """Try the rule in the running loop.

        Args:
            subject: what the rule is tried on.
            patience: seconds to wait for a callback that should come.

        Raises:
            CheckFailed: if the rule is broken; the message says how.
        """
        PATIENCE.set(patience)
        async with self.trial(subject) as trial:
            await self.function(trial)

    def run_in_loop(
        self,
        subject: _S,
        loop_factory: Callable[[], Any] | None = None,
        *,
        debug: bool = False,
        patience: float = 10.0,
    ) -> None:
        """Try the rule in a new loop, made by ``loop_factory`` or by asyncio, and close the loop.

        Args:
            subject: what the rule is tried on.
            loop_factory: makes the loop; asyncio's by default.
            debug: run the loop in debug mode.
            patience: seconds to wait for a callback that should come.

        Raises:
            CheckFailed: if the rule is broken; the message says how.
        """
        with asyncio.Runner(loop_factory=loop_factory, debug=debug) as runner:
            runner.run(self.run(subject, patience=patience))

    def inapplicable(self, subject: _S) -> str | None:
        """Return why the rule means nothing for a subject, or None if it can be tried."""
        missing = [name for name in self.needs if not subject.can(name)]
        return f"needs {' and '.join(missing)}" if missing else None

    def known_fault(self, implementation: str) -> str | None:
        """Return the known fault of an implementation that breaks the rule, or None.

        Args:
            implementation: as in ``asyncio-3.13`` or ``uvloop``; a fault noted for ``asyncio`` is one of every
                version.
        """
        family = implementation.partition("-")[0]
        return self.known_faults.get(implementation) or self.known_faults.get(family)


def check_into(
    table: list[Check[_S]], trial: Callable[[_S], Trial[_S]]
) -> Callable[..., Callable[[Callable[[Any], Awaitable[None]]], Check[_S]]]:
    """Make the decorator that turns the functions of one theme into checks and adds them to its table."""

    def decorator(
        *,
        needs: tuple[str, ...] = (),
        fatal_to: tuple[str, ...] = (),
        known_faults: Mapping[str, str] | None = None,
    ) -> Callable[[Callable[[Any], Awaitable[None]]], Check[_S]]:
        def add(function: Callable[[Any], Awaitable[None]]) -> Check[_S]:
            name = function.__name__
            rule = " ".join((function.__doc__ or name.replace("_", " ")).split())  # none under python -OO
            table.append(Check(name, rule, trial, function, needs, fatal_to, known_faults or {}))
            return table[-1]

        return add

    return decorator
