"""Transports that each break one rule, to see that a check notices: the documented transport, sabotaged."""

# mypy: disallow-subclassing-any=False, disable-error-code="has-type"

from __future__ import annotations

import asyncio
import os
from contextvars import copy_context
from typing import Any

from tests.transport_abc import documented

Good: Any = documented.socketpair().SocketpairTransport


class LosesTwice(Good):
    def _call_connection_lost(self, exc: BaseException | None) -> None:
        self._protocol.connection_lost(exc)
        super()._call_connection_lost(exc)


class DeniesItsProtocol(Good):
    def get_protocol(self) -> Any:
        return None


class ReceivesAfterTheEnd(Good):
    kept: Any = None

    def set_protocol(self, protocol: Any) -> None:
        self.kept = protocol
        super().set_protocol(protocol)

    def resume_reading(self) -> None:
        super().resume_reading()
        if self._closing:
            self.kept.data_received(b"!")


class DeliversBytearrays(Good):
    def __init__(self, loop: Any, protocol: Any, sock: Any) -> None:
        super().__init__(loop, protocol, sock)
        self._receive = lambda size: bytearray(sock.recv(size))


class WantsRelatives(Good):
    def set_protocol(self, protocol: Any) -> None:
        super().set_protocol(protocol if isinstance(protocol, asyncio.BaseProtocol) else asyncio.Protocol())


class KeepsItsFirstProtocol(Good):
    def set_protocol(self, protocol: Any) -> None:
        if getattr(self, "_protocol", None) is None:
            super().set_protocol(protocol)


class MovesToTheContextOfSetProtocol(Good):
    def set_protocol(self, protocol: Any) -> None:
        super().set_protocol(protocol)
        if self._started:
            self._context = copy_context()
            self._watch()


class KnowsEverything(Good):
    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return self._extra[name]


class MistakesItsPeer(Good):
    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return "nobody" if name == "peername" else super().get_extra_info(name, default)


class ForgetsAddresses(Good):
    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return default if self._conn_lost else super().get_extra_info(name, default)


class NeverPauses(Good):
    def pause_reading(self) -> None:
        pass


class ReadsInResumeReading(Good):
    def resume_reading(self) -> None:
        super().resume_reading()
        self._read_ready()


class DeniesHalfClosing(Good):
    def can_write_eof(self) -> bool:
        return False


class ClosesAtTheEnd(Good):
    def _at_eof(self) -> None:
        super()._at_eof()
        self.close()


class StaysOpenAtTheEnd(Good):
    def _at_eof(self) -> None:
        self._stop_reading()
        self._protocol.eof_received()


class AbortsInClose(Good):
    def close(self) -> None:
        self.abort()


class FillsAnotherBuffer(Good):
    def __init__(self, loop: Any, protocol: Any, sock: Any) -> None:
        super().__init__(loop, protocol, sock)
        self._receive_into = lambda buffer: sock.recv_into(bytearray(memoryview(buffer).nbytes))


class UpdatesTwice(Good):
    def _fill_ready(self) -> None:
        protocol = self._protocol
        super()._fill_ready()
        protocol.buffer_updated(1)


class LosesAByteOfWhatWaits(Good):
    def _keep(self, *chunks: Any) -> None:
        super()._keep(*chunks[:-1], chunks[-1][:-1])


class LosesAByteOfBytearrays(Good):
    def _send_now(self, chunks: Any) -> None:
        super()._send_now([chunk[:-1] for chunk in chunks])


class SendsTheLastFirst(Good):
    def _keep(self, *chunks: Any) -> None:
        before = list(self._buffer)
        super()._keep(*chunks)
        self._buffer.clear()
        self._buffer.extend([*before[:1], *chunks, *before[1:]])


class CountsOneMore(Good):
    def get_write_buffer_size(self) -> int:
        return int(super().get_write_buffer_size()) + 1


class CountsPieces(Good):
    def get_write_buffer_size(self) -> int:
        return len(self._buffer)


class WritesLater(Good):
    def write(self, data: Any) -> None:
        self._loop.call_soon(super().write, data)


class NeverResumes(Good):
    def _check_resume(self) -> None:
        pass


class ResumesTooEarly(Good):
    def _check_resume(self) -> None:
        if self._protocol_paused:
            self._protocol_paused = False
            self._call("resume_writing")


class DropsEarlyWrites(Good):
    def write(self, data: Any) -> None:
        if self._started:
            super().write(data)


class DropsAnswers(Good):
    reading = False

    def _read_ready(self) -> None:
        self.reading = True
        super()._read_ready()
        self.reading = False

    def write(self, data: Any) -> None:
        if not self.reading:
            super().write(data)


class ForgivesWritingAfterTheEnd(Good):
    def _accepts(self, method: str) -> bool:
        return not self._eof and super()._accepts(method)


class ShutsDownAtOnce(Good):
    def write_eof(self) -> None:
        self._eof = True
        self._shutdown_write()


class TakesAnyLimits(Good):
    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        self._high, self._low = high or 0, low or 0


class PausesAtTheMark(Good):
    def _check_pause(self) -> None:
        if not self._protocol_paused and self._buffer_size >= self._high:
            self._protocol_paused = True
            self._call("pause_writing")


class PausesThoughNothingWaits(Good):
    def write(self, data: Any) -> None:
        super().write(data)
        if self._high == 0 and not self._buffer_size:
            self._call("pause_writing")


class PausesAgainAndAgain(Good):
    def _check_pause(self) -> None:
        super()._check_pause()
        if self._buffer_size > self._high:
            self._call("pause_writing")


class LooksAtLimitsLater(Good):
    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        self._protocol_paused, before = True, self._protocol_paused
        self._check_resume = lambda: None
        try:
            super().set_write_buffer_limits(high, low)
        finally:
            del self._check_resume
            self._protocol_paused = before


class SwallowsExceptions(Good):
    def _callback_failed(self, name: str, exc: BaseException) -> None:
        pass


class HidesErrors(Good):
    def _fail(self, exc: BaseException, message: str = "") -> None:
        self._force_close(None)


class LosesAtOnce(Good):
    def _lose(self, exc: BaseException | None) -> None:
        self._conn_lost = 1
        self._call_connection_lost(exc)


class ClosesInAbort(Good):
    def abort(self) -> None:
        self.close()


class IsClosingLate(Good):
    def is_closing(self) -> bool:
        return self._protocol is None


class DeliversAtOnce(Good):
    def _call_connection_made(self) -> None:
        super()._call_connection_made()
        self._call("data_received", b"!")


class DeliversTwice(Good):
    def _read_ready(self) -> None:
        protocol = self._protocol
        super()._read_ready()
        if protocol.data:
            protocol.data_received(b"")


class ReceivesWhileClosing(Good):
    def _stop_receiving(self) -> None:
        pass


LEAKED: list[int] = []
"""Descriptors that a test has to close."""


class LeaksItsDescriptor(Good):
    def _close_resource(self) -> None:
        LEAKED.append(os.dup(self._sock.fileno()))
        super()._close_resource()


SABOTAGE: dict[str, Any] = {
    "callbacks_come_in_order": LosesTwice,
    "connection_made_gets_the_transport": DeniesItsProtocol,
    "nothing_follows_connection_lost": ReceivesAfterTheEnd,
    "data_comes_as_bytes": DeliversBytearrays,
    "duck_typed_protocols_work": WantsRelatives,
    "set_protocol_moves_the_callbacks": KeepsItsFirstProtocol,
    "unknown_extra_info_is_the_default": KnowsEverything,
    "addresses_are_those_of_the_peer": MistakesItsPeer,
    "addresses_outlive_the_connection": ForgetsAddresses,
    "nothing_is_received_while_paused": NeverPauses,
    "pausing_and_resuming_twice": NeverPauses,
    "is_reading_tells_the_state": NeverPauses,
    "pausing_in_data_received": NeverPauses,
    "pausing_again_before_the_loop_turns": ReadsInResumeReading,
    "the_end_of_file_waits_while_paused": NeverPauses,
    "both_ends_tell_what_can_be_closed": DeniesHalfClosing,
    "each_half_can_be_closed_alone": ClosesAtTheEnd,
    "write_eof_by_default_closes_the_peer": StaysOpenAtTheEnd,
    "a_peer_that_closes_on_eof_sends_what_is_buffered": AbortsInClose,
    "bytearrays_are_filled": FillsAnotherBuffer,
    "memoryviews_are_filled": FillsAnotherBuffer,
    "mapped_memory_is_filled": FillsAnotherBuffer,
    "arrays_are_filled": FillsAnotherBuffer,
    "the_smallest_buffer_is_filled": FillsAnotherBuffer,
    "get_buffer_comes_before_buffer_updated": UpdatesTwice,
    "buffered_protocols_see_the_end": StaysOpenAtTheEnd,
    "buffered_protocols_can_pause": NeverPauses,
    "protocols_of_both_kinds_take_turns": KeepsItsFirstProtocol,
    "protocols_change_within_a_callback": KeepsItsFirstProtocol,
    "a_protocol_can_change_while_paused": NeverPauses,
    "bytes_can_be_written": LosesAByteOfWhatWaits,
    "bytearrays_can_be_written": LosesAByteOfBytearrays,
    "memoryviews_can_be_written": LosesAByteOfBytearrays,
    "writing_nothing_does_nothing": CountsOneMore,
    "later_changes_of_a_small_buffer_are_not_sent": WritesLater,
    "thousands_of_lines_can_be_written": LosesAByteOfWhatWaits,
    "large_transfers_arrive_whole": LosesAByteOfWhatWaits,
    "large_transfers_arrive_whole_in_both_directions": LosesAByteOfWhatWaits,
    "flow_control_suffices_for_a_large_transfer": NeverResumes,
    "writes_keep_their_order": SendsTheLastFirst,
    "writing_in_connection_made": DropsEarlyWrites,
    "writing_in_data_received": DropsAnswers,
    "nothing_can_be_written_after_write_eof": ForgivesWritingAfterTheEnd,
    "write_eof_sends_what_is_buffered": ShutsDownAtOnce,
    "close_after_write_eof_sends_what_is_buffered": AbortsInClose,
    "impossible_limits_are_refused": TakesAnyLimits,
    "the_write_buffer_is_empty_unless_the_peer_stalls": CountsOneMore,
    "the_write_buffer_counts_bytes": CountsPieces,
    "pausing_starts_strictly_over_the_mark": PausesAtTheMark,
    "a_buffer_at_the_mark_is_not_paused": PausesAtTheMark,
    "a_mark_of_zero_pauses_on_any_buffer": PausesThoughNothingWaits,
    "a_lowered_mark_is_looked_at_at_once": LooksAtLimitsLater,
    "resuming_comes_at_the_low_mark": ResumesTooEarly,
    "pauses_and_resumes_alternate": PausesAgainAndAgain,
    "writing_in_resume_writing": NeverResumes,
    "writing_and_closing_in_pause_writing": AbortsInClose,
    "set_protocol_keeps_the_context": MovesToTheContextOfSetProtocol,
    "data_received_that_raises": SwallowsExceptions,
    "eof_received_that_raises": SwallowsExceptions,
    "buffer_updated_that_raises": SwallowsExceptions,
    "a_buffer_without_room_is_an_error": SwallowsExceptions,
    "a_buffer_that_cannot_be_written_is_an_error": HidesErrors,
    "a_reset_is_an_error_of_the_connection": HidesErrors,
    "an_error_while_sending_ends_the_connection": HidesErrors,
    "an_error_while_draining_ends_the_connection": HidesErrors,
    "connection_lost_is_called_later": LosesAtOnce,
    "close_sends_what_is_buffered": AbortsInClose,
    "closing_twice_is_closing_once": LosesTwice,
    "abort_loses_what_is_buffered": ClosesInAbort,
    "abort_cuts_a_close_short": ClosesInAbort,
    "is_closing_is_true_at_once": IsClosingLate,
    "the_peer_of_a_closed_transport_is_closing": StaysOpenAtTheEnd,
    "close_in_connection_made": DeliversAtOnce,
    "abort_in_connection_made": DeliversAtOnce,
    "close_in_data_received": DeliversTwice,
    "a_closing_transport_receives_nothing": ReceivesWhileClosing,
    "reading_calls_after_close_are_harmless": ReceivesAfterTheEnd,
    "no_descriptor_is_left": LeaksItsDescriptor,
    "no_descriptor_is_left_by_an_error": LeaksItsDescriptor,
}
"""Check and the sabotage that it must notice, for each check that neither asyncio nor uvloop fails."""
