"""Peers that mean harm: nothing of what they do spins the loop, grows memory, or goes unnoticed."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from tests.support import TIMEOUT
from tests.transport_ssl.support import STRICT, Authority, Echo, Peer, connect, serving
from transport_abc import get_running_loop
from transport_abc.testing import Recorder
from transport_ssl import _handshake, _sending, _transport
from transport_ssl._engine import PIECE

pytest.importorskip("cryptography", reason="forged records have to be encrypted")

from tests.transport_ssl.forge import (
    ALERT,
    DATA,
    HANDSHAKE,
    KEY_UPDATE,
    KEY_UPDATE_AND_ANSWER,
    Forge,
    logging_keys,
)

Run = Callable[[Any], Any]
in_thread = asyncio.to_thread


@asynccontextmanager
async def attacker(
    authority: Authority, folder: Path, server: Recorder
) -> AsyncIterator[tuple[socket.socket, Forge, Any]]:
    """Shake hands with a server as an honest client; see at the end that the server still serves others."""
    served: list[Any] = [Echo(), server]

    def shake_hands(address: Any) -> Peer:
        sock = socket.socket()
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        sock.settimeout(TIMEOUT)
        sock.connect(address)
        return Peer(sock, logging_keys(authority.client(), folder), server_side=False)

    async with serving(lambda: served.pop(), authority.server()) as address:
        peer = await in_thread(shake_hands, address[:2])
        with peer.sock:
            await server.called("connection_made")
            below = server.transport.get_extra_info("socket")
            assert below is not None
            below.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
            yield peer.sock, Forge(folder, peer.tls.cipher()), address
            near = Recorder()
            transport = await connect(near, authority.client(), address)
            transport.write(b"still there?")
            await near.received(12)
            transport.abort()
        server.transport.abort()
        await server.lost()


@asynccontextmanager
async def attacker_beside(
    authority: Authority, folder: Path, server: Recorder
) -> AsyncIterator[tuple[socket.socket, Forge]]:
    """Shake hands over Unix sockets: TCP repeats, later and later, what a small full buffer had no room for."""
    loop = get_running_loop()
    near, far = socket.socketpair()
    far.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    near.settimeout(TIMEOUT)
    with near:
        await loop.create_unix_connection(
            lambda: STRICT.wrap(loop, server, sslcontext=authority.server(), server_side=True), sock=far
        )
        peer = await in_thread(Peer, near, logging_keys(authority.client(), folder), server_side=False)
        await server.called("connection_made")
        yield near, Forge(folder, peer.tls.cipher())
        server.transport.abort()
        await server.lost()


def send(sock: socket.socket, data: bytes) -> None:
    """Send until the server has had enough."""
    with suppress(OSError):
        sock.sendall(data)


async def ended_by(server: Recorder) -> str | None:
    error = await server.lost()
    assert isinstance(error, ssl.SSLError)
    reason: str | None = error.reason
    return reason


ATTACKS: dict[str, tuple[Callable[[Forge], bytes], str]] = {
    "endless empty records": (
        lambda forge: b"".join(forge.record(DATA, b"") for _ in range(2000)),
        "RECORD_TOO_SMALL",
    ),
    "endless warnings": (
        lambda forge: b"".join(forge.record(ALERT, b"\x01\x5a") for _ in range(2000)),
        "TOO_MANY_WARN_ALERTS|UNKNOWN_ALERT_TYPE",
    ),
    "a handshake behind the handshake": (
        lambda forge: forge.record(HANDSHAKE, b"\x01\x00\x00\x02hi"),
        "UNEXPECTED_MESSAGE",
    ),
    "a record that is too long": (
        lambda forge: b"\x17\x03\x03\xff\xff" + bytes(0xFFFF),
        "ENCRYPTED_LENGTH_TOO_LONG|PACKET_LENGTH_TOO_LONG",
    ),
    "plain text": (lambda forge: b"GET / HTTP/1.1\r\n\r\n", "WRONG_VERSION_NUMBER|BAD_RECORD_TYPE"),
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_attack_is_cut_off(run: Run, authority: Authority, tmp_path: Path, attack: str) -> None:
    forged, reason = ATTACKS[attack]

    async def main() -> None:
        server = Recorder()
        async with attacker(authority, tmp_path, server) as (sock, forge, _):
            await in_thread(send, sock, forge.record(DATA, b"honest") + forged(forge))
            assert await ended_by(server) in reason.split("|")
            assert server.data == b"honest"
            assert server.order() == ["connection_made", "data_received", "connection_lost"]

    run(main())


def test_endless_key_updates_are_cut_off(
    run: Run, authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_transport, "NO_DATA_LIMIT", 10_000)

    async def main() -> None:
        server = Recorder()
        async with attacker(authority, tmp_path, server) as (sock, forge, _):
            updates = b"".join(forge.key_update(KEY_UPDATE) for _ in range(2000))
            await in_thread(send, sock, updates)
            error = await server.lost()
            assert isinstance(error, ssl.SSLError)
            assert "more than 10000 bytes in a row without data" in str(error)

    run(main())


def test_key_updates_between_data_are_honest(run: Run, authority: Authority, tmp_path: Path) -> None:
    async def main() -> None:
        server = Recorder()
        async with attacker(authority, tmp_path, server) as (sock, forge, _):
            for i in range(100):
                await in_thread(send, sock, forge.key_update(KEY_UPDATE) + forge.record(DATA, b"x"))
                await server.received(i + 1)

    run(main())


def test_a_peer_that_asks_for_answers_and_does_not_read_them_is_cut_off(
    run: Run, authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_sending, "ANSWER_LIMIT", 1000)  # as the kernel's buffers are large and answers small

    async def main() -> None:
        server = Recorder()
        async with attacker_beside(authority, tmp_path, server) as (sock, forge):
            most = 0
            while not server.count("connection_lost"):
                await in_thread(send, sock, forge.key_update(KEY_UPDATE_AND_ANSWER) + forge.record(DATA, b"x"))
                most = max(most, server.transport.get_write_buffer_size())
            error = await server.lost()
            assert isinstance(error, ssl.SSLError)
            assert "more than 1000 bytes of answers that the peer does not read" in str(error)
            assert most <= 1000 + PIECE // 2  # one piece may ask for several answers at once

    run(main())


def test_a_peer_that_reads_the_answers_may_ask_for_any_number(
    run: Run, authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_sending, "ANSWER_LIMIT", 100)

    def ask(sock: socket.socket, forge: Forge) -> int:
        send(sock, forge.key_update(KEY_UPDATE_AND_ANSWER) + forge.record(DATA, b"x"))
        return len(sock.recv(65536))

    async def main() -> None:
        server = Recorder()
        async with attacker(authority, tmp_path, server) as (sock, forge, _):
            for i in range(100):
                assert await in_thread(ask, sock, forge)
                await server.received(i + 1)

    run(main())


def test_a_handshake_may_not_be_longer_than_the_limit(
    run: Run, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_handshake, "NO_DATA_LIMIT", 1000)

    def send_hello_that_never_ends(address: Any) -> None:
        with socket.create_connection(address, TIMEOUT) as sock:
            send(sock, b"\x16\x03\x01\x40\x00" + b"\x01\x00\xff\xff\x03\x03" + bytes(2000))
            while sock.recv(1000):
                pass

    async def main() -> None:
        reports: list[Any] = []
        asyncio.get_running_loop().set_exception_handler(lambda loop, report: reports.append(report["exception"]))
        async with serving(Echo, authority.server()) as address:
            await in_thread(send_hello_that_never_ends, address[:2])
        (error,) = reports
        assert isinstance(error, ssl.SSLError)
        assert "more than 1000 bytes of a handshake that is not complete" in str(error)

    run(main())


def test_data_in_records_of_one_byte_is_delivered_joined(run: Run, authority: Authority, tmp_path: Path) -> None:
    async def main() -> None:
        server = Recorder()
        async with attacker(authority, tmp_path, server) as (sock, forge, _):
            flood = b"".join(forge.record(DATA, b"x") for _ in range(50_000))
            flooding = asyncio.create_task(in_thread(send, sock, flood))
            await server.received(1)
            await server.received(50_000)
            await flooding
            assert server.count("data_received") <= 50_000 // 10

    run(main())
