"""All checks of stream transports, theme by theme."""

from __future__ import annotations

from typing import TYPE_CHECKING

from transport_abc.testing import (
    _stream_buffered,
    _stream_closing,
    _stream_contexts,
    _stream_errors,
    _stream_flow,
    _stream_lifecycle,
    _stream_memory,
    _stream_reading,
    _stream_sending,
    _stream_servers,
    _stream_writing,
)

if TYPE_CHECKING:
    from transport_abc.testing._check import Check
    from transport_abc.testing._subjects import StreamSubject

__all__ = ["stream_checks"]


def stream_checks() -> list[Check[StreamSubject]]:
    """Return the checks of stream transports, in an order that reads from the beginning of a connection to its end."""
    themes = (
        _stream_lifecycle,
        _stream_reading,
        _stream_buffered,
        _stream_writing,
        _stream_sending,
        _stream_flow,
        _stream_contexts,
        _stream_errors,
        _stream_closing,
        _stream_memory,
        _stream_servers,
    )
    return [check for theme in themes for check in theme.CHECKS]
