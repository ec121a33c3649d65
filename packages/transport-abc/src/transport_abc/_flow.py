"""Flow control of the writing side: two marks, one check."""

from __future__ import annotations

from abc import abstractmethod

from transport_abc._endpoint import Endpoint

__all__ = ["DEFAULT_HIGH_WATER", "FlowControl"]

DEFAULT_HIGH_WATER = 64 * 1024
"""Bytes that may be buffered before the protocol is asked to pause; asyncio's default."""


class FlowControl(Endpoint):
    """Tell the protocol to pause and to resume writing.

    Whatever adds to the buffer ends in :meth:`_check_pause`, whatever takes from it in :meth:`_check_resume`.
    """

    __slots__ = ()

    _high = DEFAULT_HIGH_WATER
    _low = DEFAULT_HIGH_WATER // 4
    _protocol_paused = False

    @abstractmethod
    def get_write_buffer_size(self) -> int:
        """Return how many bytes wait to be sent."""

    def get_write_buffer_limits(self) -> tuple[int, int]:
        """Return the marks of the write buffer as ``(low, high)``, in bytes."""
        return self._low, self._high

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """Set the marks of the write buffer; see :meth:`transport_abc.WriteTransport.set_write_buffer_limits`."""
        if high is None:
            high = DEFAULT_HIGH_WATER if low is None else 4 * low
        if low is None:
            low = high // 4
        if not high >= low >= 0:
            raise ValueError(f"high ({high!r}) must be >= low ({low!r}) must be >= 0")
        self._high, self._low = high, low
        self._check_pause()
        self._check_resume()

    def _check_pause(self) -> None:
        """Call ``pause_writing`` if the buffer is strictly over the high-water mark and it was not called yet."""
        if not self._protocol_paused and self.get_write_buffer_size() > self._high:
            self._protocol_paused = True
            self._call("pause_writing")

    def _check_resume(self) -> None:
        """Call ``resume_writing`` if writing is paused and the buffer is at the low-water mark or under."""
        if self._protocol_paused and not self._conn_lost and self.get_write_buffer_size() <= self._low:
            self._protocol_paused = False
            self._call("resume_writing")
