"""Every rule of behaviour, over every transport of ours."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.conformance.contract import subjects
from tests.conformance.contract.loops import ALL, OURS, TWO
from tests.conformance.contract.table import rows
from transport_abc.testing import Check, Subject, datagram_checks, stream_checks

if TYPE_CHECKING:
    from collections.abc import Callable

ROWS = [
    *rows(stream_checks(), "tcp", "transport_socket", subjects.tcp, ALL),
    *rows(stream_checks(), "tcp-adopted", "transport_socket", subjects.tcp_adopted, OURS[:1]),
    *rows(stream_checks(), "unix", "transport_socket", subjects.unix, TWO),
    *rows(stream_checks(), "tls", "transport_socket transport_ssl trustme", subjects.tls, TWO),
    *rows(stream_checks(), "tls12", "transport_socket transport_ssl trustme", subjects.tls12, OURS[:1]),
    *rows(stream_checks(), "pipe", "transport_subprocess", subjects.pipe, TWO),
    *rows(datagram_checks(), "udp", "transport_socket", subjects.udp, ALL),
    *rows(datagram_checks(), "unix-datagram", "transport_socket", subjects.unix_datagram, TWO),
]

DEBUG_ROWS = [*rows(stream_checks(), "tcp", "transport_socket", subjects.tcp, OURS[:1])]


@pytest.mark.parametrize(("check", "subject", "loop_factory"), ROWS)
def test_rule(check: Check[Subject], subject: Subject, loop_factory: Callable[[], Any]) -> None:
    check.run_in_loop(subject, loop_factory)


@pytest.mark.parametrize(("check", "subject", "loop_factory"), DEBUG_ROWS)
def test_rule_in_debug_mode(check: Check[Subject], subject: Subject, loop_factory: Callable[[], Any]) -> None:
    check.run_in_loop(subject, loop_factory, debug=True)
