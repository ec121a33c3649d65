"""The checks of datagrams notice what they are for: our endpoints, sabotaged once they are open."""

from __future__ import annotations

import asyncio
import gc
import os
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from tests.conformance.contract import subjects
from transport_abc.testing import CheckFailed, datagram_checks

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

transport_socket = pytest.importorskip("transport_socket", reason="transport_socket is not installed")
Good: Any = transport_socket.DatagramSocketTransport
CHECKS = {check.name: check for check in datagram_checks()}
LEAKED: list[int] = []


class LosesTwice(Good):  # type: ignore[misc]
    def _call_connection_lost(self, exc: BaseException | None) -> None:
        self._protocol.connection_lost(exc)
        super()._call_connection_lost(exc)


class ClosesLater(Good):  # type: ignore[misc]
    def close(self) -> None:
        self._loop.call_later(0.01, super().close)


class ForgetsAddresses(Good):  # type: ignore[misc]
    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return default if self._conn_lost else super().get_extra_info(name, default)


class WantsRelatives(Good):  # type: ignore[misc]
    def _tell_only_relatives(self) -> Any:
        protocol = Good._protocol.__get__(self)
        return protocol if isinstance(protocol, asyncio.DatagramProtocol) else asyncio.DatagramProtocol()

    _protocol = property(_tell_only_relatives, Good._protocol.__set__)


class KeepsItsProtocol(Good):  # type: ignore[misc]
    def set_protocol(self, protocol: Any) -> None:
        pass


class LeaksItsDescriptor(Good):  # type: ignore[misc]
    def _close_resource(self) -> None:
        LEAKED.append(os.dup(self._sock.fileno()))
        super()._close_resource()


class CutsDatagrams(Good):  # type: ignore[misc]
    def sendto(self, data: Any, addr: Any = None) -> None:
        super().sendto(data[:1], addr)
        super().sendto(data[1:], addr)


class HidesTheSender(Good):  # type: ignore[misc]
    @property
    def _receive(self) -> Any:
        receive = Good._receive.__get__(self) or self._receive_any
        return lambda: (receive()[0], None)


class SendsLater(Good):  # type: ignore[misc]
    def sendto(self, data: Any, addr: Any = None) -> None:
        self._loop.call_soon(super().sendto, data, addr)


class TakesAnyAddress(Good):  # type: ignore[misc]
    def sendto(self, data: Any, addr: Any = None) -> None:
        super().sendto(data)


class ClosesOnErrors(Good):  # type: ignore[misc]
    def _call(self, name: str, *args: Any) -> Any:
        super()._call(name, *args)
        if name == "error_received":
            self.close()


class NeverPauses(Good):  # type: ignore[misc]
    def _check_pause(self) -> None:
        pass


class AbortsInClose(Good):  # type: ignore[misc]
    def close(self) -> None:
        self.abort()


class ClosesInAbort(Good):  # type: ignore[misc]
    def abort(self) -> None:
        self.close()


class KeepsAView(Good):  # type: ignore[misc]
    def _enqueue(self, data: Any, addr: Any) -> None:
        super()._enqueue(data, addr)
        self._buffer[-1] = (data, addr)


class TakesAnyLimits(Good):  # type: ignore[misc]
    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        pass


SABOTAGE: dict[str, Any] = {
    "datagram_callbacks_come_in_order": LosesTwice,
    "a_closing_endpoint_receives_nothing": ClosesLater,
    "endpoint_info_outlives_the_endpoint": ForgetsAddresses,
    "duck_typed_datagram_protocols_work": WantsRelatives,
    "set_protocol_moves_the_datagrams": KeepsItsProtocol,
    "closed_endpoints_leave_nothing": LeaksItsDescriptor,
    "datagrams_keep_their_boundaries": CutsDatagrams,
    "a_datagram_comes_with_its_sender": HidesTheSender,
    "later_changes_of_a_datagram_are_not_sent": SendsLater,
    "a_connected_endpoint_sends_to_its_peer_only": TakesAnyAddress,
    "a_refusal_is_told_and_the_endpoint_stays": ClosesOnErrors,
    "waiting_datagrams_pause_and_resume": NeverPauses,
    "closing_sends_waiting_datagrams": AbortsInClose,
    "aborting_loses_waiting_datagrams": ClosesInAbort,
    "later_changes_of_waiting_datagrams_are_not_sent": KeepsAView,
    "datagram_limits_are_those_of_asyncio": TakesAnyLimits,
}
"""Check and the sabotage that it must notice, for each check that neither asyncio nor uvloop fails."""


@pytest.fixture
def no_leaks() -> Iterator[None]:
    """Close what a sabotaged endpoint leaves open."""
    yield
    gc.collect()
    while LEAKED:
        os.close(LEAKED.pop())


@pytest.mark.filterwarnings("ignore")
@pytest.mark.usefixtures("no_leaks")
@pytest.mark.parametrize(("name", "transport"), SABOTAGE.items(), ids=SABOTAGE)
def test_check_notices_sabotage(name: str, transport: Any, caplog: pytest.LogCaptureFixture) -> None:
    check = CHECKS[name]
    subject = subjects.unix_datagram() if "blocks" in check.needs else subjects.udp()

    @asynccontextmanager
    async def make_pair(left: Callable[[], Any], right: Callable[[], Any]) -> AsyncIterator[tuple[Any, Any]]:
        async with subject.make_pair(left, right) as pair:
            for end in pair:
                end.__class__ = transport
            yield pair

    with pytest.raises(CheckFailed) as info:
        check.run_in_loop(replace(subject, make_pair=make_pair), patience=0.3)
    info.value.__traceback__ = None
    caplog.clear()


def test_every_check_is_known_to_notice_something() -> None:
    faulty = {check.name for check in datagram_checks() if check.known_faults}
    assert set(CHECKS) - faulty - set(SABOTAGE) == set()
