"""Records of TLS 1.3 that no honest implementation sends, made by hand (RFC 8446, sections 5 and 7)."""

from __future__ import annotations

import ssl
from pathlib import Path

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA384
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

ALERT, HANDSHAKE, DATA = 21, 22, 23
KEY_UPDATE = b"\x18\x00\x00\x01\x00"
KEY_UPDATE_AND_ANSWER = b"\x18\x00\x00\x01\x01"


def logging_keys(context: ssl.SSLContext, folder: Path) -> ssl.SSLContext:
    """Have a client's context write its secrets to a file, for a :class:`Forge`."""
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.keylog_filename = str(folder / "keys")
    return context


class Forge:
    """Encrypt records as the client of a connection does, from the first one behind its handshake.

    Args:
        folder: where the client's context, which knows of one connection only, wrote its secrets.
        cipher: what the connection has agreed on.
    """

    def __init__(self, folder: Path, cipher: tuple[str, str, int] | None) -> None:
        assert cipher is not None
        assert cipher[0] == "TLS_AES_256_GCM_SHA384"
        words = [line.split() for line in (folder / "keys").read_text().splitlines()]
        (self._secret,) = (bytes.fromhex(line[2]) for line in words if line[0] == "CLIENT_TRAFFIC_SECRET_0")
        self._start_epoch()

    def _start_epoch(self) -> None:
        self._aead = AESGCM(self._derive(b"key", 32))
        self._iv = int.from_bytes(self._derive(b"iv", 12), "big")
        self._sequence = 0

    def _derive(self, label: bytes, size: int) -> bytes:
        label = b"tls13 " + label
        info = size.to_bytes(2, "big") + bytes([len(label)]) + label + b"\0"
        return HKDFExpand(SHA384(), size, info).derive(self._secret)

    def record(self, kind: int, content: bytes) -> bytes:
        """Return one encrypted record."""
        inner = content + bytes([kind])
        header = b"\x17\x03\x03" + (len(inner) + 16).to_bytes(2, "big")
        nonce = (self._iv ^ self._sequence).to_bytes(12, "big")
        self._sequence += 1
        return header + self._aead.encrypt(nonce, inner, header)

    def key_update(self, message: bytes) -> bytes:
        """Return a record that announces new keys, and use those from now on."""
        record = self.record(HANDSHAKE, message)
        self._secret = self._derive(b"traffic upd", 48)
        self._start_epoch()
        return record
