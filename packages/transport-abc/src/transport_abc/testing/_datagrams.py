"""All checks of datagram transports."""

from __future__ import annotations

from typing import TYPE_CHECKING

from transport_abc.testing import _datagram_lifecycle, _datagram_sending

if TYPE_CHECKING:
    from transport_abc.testing._check import Check
    from transport_abc.testing._subjects import DatagramSubject

__all__ = ["datagram_checks"]


def datagram_checks() -> list[Check[DatagramSubject]]:
    """Return the checks of datagram transports."""
    return [*_datagram_lifecycle.CHECKS, *_datagram_sending.CHECKS]
