"""The same checks over the transports of asyncio and uvloop: they pass, or fail by a fault that is written down."""

from __future__ import annotations

import gc
import sys
from typing import TYPE_CHECKING, Any

import pytest

from tests.conformance.contract.loops import STOCK, UVLOOP, Loop
from tests.conformance.contract.table import rows
from transport_abc.testing import (
    Check,
    DatagramSubject,
    StreamSubject,
    Subject,
    datagram_checks,
    implementation_of,
    stream_checks,
    tcp_of_loop,
    udp_of_loop,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

MEASURED = {(3, 11, 7), (3, 12, 1), (3, 13, 0)}
"""The versions of Python in which the known faults were found; later ones have repaired some."""


def _implementation(loop: Loop) -> str:
    made = loop.factory()
    made.close()
    return implementation_of(made)


def _tcp(loop: Loop) -> Callable[[], StreamSubject]:
    return lambda: tcp_of_loop(_implementation(loop))


def _udp(loop: Loop) -> Callable[[], DatagramSubject]:
    return lambda: udp_of_loop(_implementation(loop))


def _rows() -> Iterator[Any]:
    for loop in (STOCK, UVLOOP):
        yield from rows(stream_checks(), "tcp", loop.module, _tcp(loop), [loop])
        yield from rows(datagram_checks(), "udp", loop.module, _udp(loop), [loop])


def _is_fatal(row: Any) -> bool:
    """Tell whether a check is known to end the process, which only the list of known faults can show then."""
    check, subject, _ = row.values
    return check is not None and subject.implementation in check.fatal_to


def _is_faulty(row: Any) -> bool:
    check, subject, _ = row.values
    return check is not None and check.known_fault(subject.implementation) is not None


ROWS = [row for row in _rows() if not _is_fatal(row)]


@pytest.mark.parametrize(("check", "subject", "loop_factory"), [row for row in ROWS if not _is_faulty(row)])
def test_rule_is_kept(check: Check[Subject], subject: Subject, loop_factory: Callable[[], Any]) -> None:
    check.run_in_loop(subject, loop_factory)


# A faulty transport may leave what is freed, with a warning, by the collector only.
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("check", "subject", "loop_factory"), [row for row in ROWS if _is_faulty(row)])
def test_known_fault_is_there(
    check: Check[Subject],
    subject: Subject,
    loop_factory: Callable[[], Any],
    caplog: pytest.LogCaptureFixture,
) -> None:
    try:
        check.run_in_loop(subject, loop_factory, patience=1.0)
    except Exception as exc:
        exc.__traceback__ = None
        gc.collect()
        return
    finally:
        caplog.clear()
    if subject.implementation == "uvloop" or sys.version_info[:3] in MEASURED:
        pytest.fail(f"repaired, so take it from the list: {check.known_fault(subject.implementation)}")
