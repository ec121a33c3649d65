"""What transports ask of a loop, on every loop."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.conformance.contract.loops import OURS, STOCK, UVLOOP
from tests.conformance.contract.table import rows
from transport_abc.testing import Check, LoopSubject, readiness_checks

if TYPE_CHECKING:
    from collections.abc import Callable

ROWS = [
    *rows(readiness_checks(), "loop", "transport_abc", LoopSubject, OURS),
    *rows(readiness_checks(), "loop", "transport_abc", lambda: LoopSubject(owns_readiness=False), [STOCK, UVLOOP]),
]


@pytest.mark.parametrize(("check", "subject", "loop_factory"), ROWS)
def test_loop(check: Check[LoopSubject], subject: LoopSubject, loop_factory: Callable[[], Any]) -> None:
    check.run_in_loop(subject, loop_factory)
