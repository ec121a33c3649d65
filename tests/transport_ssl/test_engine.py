"""The engine alone: bytes in, bytes out."""

from __future__ import annotations

import ssl
from collections.abc import Iterator

import pytest

from tests.transport_ssl.support import HOST, Authority
from transport_ssl._engine import PIECE, RECORD, Engine

VERSIONS = [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3]


@pytest.fixture(params=VERSIONS, ids=lambda tls: tls.name)
def tls(request: pytest.FixtureRequest) -> ssl.TLSVersion:
    version: ssl.TLSVersion = request.param
    return version


@pytest.fixture
def pair(authority: Authority, tls: ssl.TLSVersion) -> tuple[Engine, Engine]:
    client = Engine(authority.client(tls=tls), False, HOST)
    server = Engine(authority.server(tls=tls), True)
    shake_hands(client, server)
    return client, server


def shake_hands(client: Engine, server: Engine) -> None:
    """Carry bytes to and fro until nothing moves any more."""
    done = {client: False, server: False}
    while True:
        for engine, peer in ((client, server), (server, client)):
            done[engine] = done[engine] or engine.handshake()
            if data := engine.take():
                peer.feed(data)
        if all(done.values()) and not client.outgoing.pending and not server.outgoing.pending:
            break
    assert client.decrypt() == b""  # the session tickets of TLS 1.3


def encrypted(engine: Engine, data: bytes) -> bytes:
    """Encrypt one piece, and take it."""
    assert engine.encrypt(data) == len(data)
    return engine.take()


BORDERS = [1, 100, RECORD - 1, RECORD, RECORD + 1, 2 * RECORD - 1, 2 * RECORD, 5 * RECORD + 17, 9 * RECORD]


@pytest.mark.parametrize("size", BORDERS)
def test_what_is_encrypted_is_decrypted_at_the_borders_of_records(pair: tuple[Engine, Engine], size: int) -> None:
    client, server = pair
    data = bytes(i % 251 for i in range(size))
    pieces, rest = client.encrypt_long(memoryview(data))
    assert not rest
    assert len(pieces) == -(-size // RECORD)
    received = b""
    for piece in pieces:
        server.feed(piece)
        received += server.decrypt()
    assert received == data


def test_several_records_come_out_joined(pair: tuple[Engine, Engine]) -> None:
    client, server = pair
    server.feed(b"".join(encrypted(client, b"%d" % i) for i in range(10)))
    assert server.decrypt() == b"0123456789"
    assert not server.more


def test_part_of_a_record_comes_out_with_its_rest(pair: tuple[Engine, Engine]) -> None:
    client, server = pair
    data = encrypted(client, b"first") + encrypted(client, b"second")
    for i in range(len(data)):
        server.feed(data[i : i + 1])
    assert server.decrypt() == b"firstsecond"
    data = encrypted(client, b"third")
    received = []
    for i in range(len(data)):
        server.feed(data[i : i + 1])
        received.append(server.decrypt())
    assert received == [b""] * (len(data) - 1) + [b"third"]


def test_a_small_buffer_gets_the_rest_of_a_record_next_time(pair: tuple[Engine, Engine]) -> None:
    client, server = pair
    server.feed(encrypted(client, b"abcdefg"))
    buffer = memoryview(bytearray(3))
    received = []
    while True:
        count = server.decrypt_into(buffer)
        received.append(bytes(buffer[:count]))
        if not server.more:
            break
    assert b"".join(received) == b"abcdefg"
    assert all(received)


def test_goodbye_ends_one_direction_only(pair: tuple[Engine, Engine]) -> None:
    client, server = pair
    buffer = memoryview(bytearray(3))
    server.feed(encrypted(client, b"abcdefg") + encrypted(client, b"unread"))
    assert server.decrypt_into(buffer) == 3
    client.feed(server.goodbye())
    assert client.decrypt() == b""
    assert client.ended
    server.feed(encrypted(client, b" and more"))
    assert server.decrypt() == b"defg"
    assert server.more
    assert server.decrypt() == b"unread and more"
    assert not server.ended
    server.feed(client.goodbye())
    assert server.decrypt() == b""
    assert server.ended


def test_an_end_behind_data_is_found_by_the_next_call(pair: tuple[Engine, Engine]) -> None:
    client, server = pair
    server.feed(encrypted(client, b"data") + client.goodbye())
    assert server.decrypt() == b"data"
    assert server.more
    assert not server.ended
    assert server.decrypt() == b""
    assert server.ended


@pytest.mark.parametrize("into", [False, True])
def test_an_error_behind_data_is_raised_by_the_next_call(pair: tuple[Engine, Engine], into: bool) -> None:
    client, server = pair
    good, bad = encrypted(client, b"good"), bytearray(encrypted(client, b"bad"))
    bad[-1] ^= 1
    server.feed(good + bad)
    assert server.decrypt() == b"good"
    assert server.more
    with pytest.raises(ssl.SSLError, match="bad record mac"):
        server.decrypt_into(memoryview(bytearray(10))) if into else server.decrypt()
    assert server.take()  # the alert


def flights(authority: Authority, tls: ssl.TLSVersion) -> Iterator[tuple[bool, int]]:
    """Yield (is it the server's, length) for each flight of a handshake."""
    client, server = Engine(authority.client(tls=tls), False, HOST), Engine(authority.server(tls=tls), True)
    for _ in range(3):
        for engine, peer in ((client, server), (server, client)):
            engine.handshake()
            if data := engine.take():
                yield engine is server, len(data)
                peer.feed(data)


def handshake_split_at(authority: Authority, contexts: tuple[ssl.SSLContext, ssl.SSLContext], cut: int) -> None:
    """Shake hands with every flight cut in two, or in bytes; nothing may come out before, nothing be lost after."""
    client, server = Engine(contexts[0], False, HOST), Engine(contexts[1], True)
    done = {client: False, server: False}
    for _ in range(4):
        for engine, peer in ((client, server), (server, client)):
            done[engine] = done[engine] or engine.handshake()
            if data := engine.take():
                for piece in (data[:cut], data[cut:]) if cut else (data[i : i + 1] for i in range(len(data))):
                    peer.feed(piece)
                    done[peer] = done[peer] or peer.handshake()
    assert all(done.values())
    server.feed(encrypted(client, b"hello"))
    assert server.decrypt() == b"hello"


def test_a_handshake_may_be_split_anywhere(authority: Authority, tls: ssl.TLSVersion) -> None:
    longest = max(length for _, length in flights(authority, tls))
    contexts = authority.client(tls=tls), authority.server(tls=tls)
    for cut in range(longest):  # 0: into single bytes
        handshake_split_at(authority, contexts, cut)


def test_a_piece_is_as_large_as_documented() -> None:
    assert PIECE == 64 * 1024
    assert RECORD == 16 * 1024
