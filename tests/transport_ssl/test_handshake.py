"""Handshakes that succeed: versions, names, certificates, protocols, sessions, and what is known afterwards."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable
from typing import Any

import pytest

from tests.transport_ssl.support import HOST, STRICT, Authority, Echo, connect, serving
from transport_abc.testing import BufferedRecorder, Recorder

VERSIONS = [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3]
Run = Callable[[Any], Any]


Known = dict[str, Any]
NAMES = ("peername", "sockname", "socket", "cipher", "compression", "peercert", "ssl_object", "sslcontext")


async def echo_once(server: ssl.SSLContext, client: ssl.SSLContext, **options: Any) -> tuple[Known, Known]:
    """Exchange a greeting, and return what the client's and the server's transport knew."""
    far, near = Echo(), Recorder()
    async with serving(lambda: far, server) as address:
        transport = await connect(near, client, address, **options)
        transport.write(b"hello")
        await near.received(5)
        assert near.data == b"hello"
        known = {name: transport.get_extra_info(name) for name in NAMES}
        known["sockname of socket"] = known["socket"].getsockname()
        known_far = {name: far.transport.get_extra_info(name) for name in NAMES}
        transport.close()
        await near.lost()
        await far.lost()
    return known, known_far


@pytest.mark.parametrize("tls", VERSIONS, ids=lambda tls: tls.name)
@pytest.mark.parametrize("only", ["server", "client"])
def test_one_side_that_speaks_one_version_only(run: Run, authority: Authority, tls: ssl.TLSVersion, only: str) -> None:
    server = authority.server(tls=tls if only == "server" else None)
    client = authority.client(tls=tls if only == "client" else None)
    near, _ = run(echo_once(server, client))
    assert near["ssl_object"].version() == tls.name.replace("_", ".")


def test_what_is_known_after_the_handshake(run: Run, authority: Authority) -> None:
    server, client = authority.server(), authority.client()
    near, far = run(echo_once(server, client))
    known = near
    assert known["sslcontext"] is client
    assert known["cipher"] == known["ssl_object"].cipher()
    assert known["cipher"][1] == "TLSv1.3"
    assert known["compression"] is None
    assert ("IP Address", HOST) in known["peercert"]["subjectAltName"]
    assert known["peername"][0] == known["sockname"][0] == HOST
    assert known["sockname of socket"] == known["sockname"]
    assert far["peercert"] is None


def test_nothing_is_known_before_the_handshake_but_the_context(authority: Authority) -> None:
    async def main() -> None:
        context = authority.client()
        wrapper = STRICT.wrap(asyncio.get_running_loop(), Recorder(), sslcontext=context, server_hostname=HOST)
        assert wrapper.get_extra_info("sslcontext") is context
        for name in ("peercert", "cipher", "compression", "ssl_object", "peername"):
            assert wrapper.get_extra_info(name, "unknown") == "unknown"

    asyncio.run(main())


@pytest.mark.parametrize("tls", VERSIONS, ids=lambda tls: tls.name)
def test_a_client_with_a_certificate(run: Run, authority: Authority, tls: ssl.TLSVersion) -> None:
    _, far = run(echo_once(authority.mutual(tls=tls), authority.client(certificate=True)))
    assert ("email", "client@example.org") in far["peercert"]["subjectAltName"]


def test_alpn_and_server_name(run: Run, authority: Authority) -> None:
    server, client = authority.server(), authority.client()
    server.set_alpn_protocols(["h2", "http/1.1"])
    client.set_alpn_protocols(["spdy/1", "http/1.1"])
    names: list[str | None] = []
    server.sni_callback = lambda sslobj, name, context: names.append(name)
    near, _ = run(echo_once(server, client, server_hostname="localhost"))
    assert near["ssl_object"].selected_alpn_protocol() == "http/1.1"
    assert names == ["localhost"]


@pytest.mark.parametrize("tls", VERSIONS, ids=lambda tls: tls.name)
def test_a_session_can_be_resumed(run: Run, authority: Authority, tls: ssl.TLSVersion) -> None:
    async def main() -> None:
        server, client = authority.server(tls=tls), authority.client()
        first, _ = await echo_once(server, client)
        assert not first["ssl_object"].session_reused
        second, _ = await echo_once(server, client, session=first["ssl_object"].session)
        assert second["ssl_object"].session_reused

    run(main())


def test_a_session_of_another_context_is_refused(authority: Authority) -> None:
    async def main() -> None:
        client = authority.client()
        known, _ = await echo_once(authority.server(), client)
        session = known["ssl_object"].session
        with pytest.raises(ValueError, match="Session refers to a different SSLContext"):
            STRICT.wrap(
                asyncio.get_running_loop(),
                Recorder(),
                sslcontext=authority.client(),
                server_hostname=HOST,
                session=session,
            )

    asyncio.run(main())


@pytest.mark.parametrize("tls", VERSIONS, ids=lambda tls: tls.name)
@pytest.mark.parametrize("side", ["server", "client"])
def test_a_handshake_that_comes_byte_by_byte(run: Run, authority: Authority, tls: ssl.TLSVersion, side: str) -> None:
    """Through a relay that passes one byte at a time on, in the direction of the side under test."""

    async def pump(source: asyncio.StreamReader, target: asyncio.StreamWriter, size: int) -> None:
        left = 3000  # more than a handshake with these certificates takes; the rest may come as it likes
        while data := await source.read(size if left > 0 else 65536):
            left -= len(data)
            target.write(data)
            await target.drain()
            await asyncio.sleep(0)
        target.close()
        await target.wait_closed()

    async def main() -> None:
        pumps: list[asyncio.Task[None]] = []

        async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            far_reader, far_writer = await asyncio.open_connection(*address)
            for stream in (writer, far_writer):
                stream.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            there, back = (1, 65536) if side == "server" else (65536, 1)
            pumps.append(asyncio.create_task(pump(reader, far_writer, there)))
            pumps.append(asyncio.create_task(pump(far_reader, writer, back)))

        far = Echo()
        async with serving(lambda: far, authority.server(tls=tls)) as address:
            relaying = await asyncio.start_server(relay, HOST, 0)
            near = Recorder()
            transport = await connect(near, authority.client(), relaying.sockets[0].getsockname())
            transport.write(bytes(range(100)))
            await near.received(100)
            assert near.data == bytes(range(100))
            transport.close()
            assert await near.lost() is None
            assert await far.lost() is None
            await asyncio.gather(*pumps)
            relaying.close()

    run(main())


def test_extra_info_is_there_in_every_state_and_outlives_the_connection(run: Run, authority: Authority) -> None:
    states: dict[str, Known] = {}

    def look(state: str, transport: Any) -> None:
        states[state] = {name: transport.get_extra_info(name, "unknown") for name in (*NAMES, "close_notify")}
        assert repr(transport)

    async def main() -> None:
        far = Recorder(
            connection_made=lambda transport: look("made", transport),
            eof_received=lambda: look("ended", far.transport),
            connection_lost=lambda exc: look("lost", far.transport),
        )
        async with serving(lambda: far, authority.mutual()) as address:
            near = Recorder()
            transport = await connect(near, authority.client(certificate=True), address)
            await far.called("connection_made")
            look("open", far.transport)
            transport.close()
            await near.lost()
            await far.lost()
            await asyncio.sleep(0)
            look("gone", far.transport)

    run(main())
    assert list(states) == ["made", "open", "ended", "lost", "gone"]
    assert {state: known["close_notify"] for state, known in states.items()} == {
        **{"made": "unknown", "open": "unknown"},
        **{"ended": True, "lost": True, "gone": True},
    }
    for name in set(NAMES) - {"socket"}:
        assert len({repr(known[name]) for known in states.values()}) == 1, name
        assert states["made"][name] != "unknown"
    assert ("email", "client@example.org") in states["gone"]["peercert"]["subjectAltName"]


def test_a_client_that_proves_who_it_is_later(run: Run, authority: Authority) -> None:
    """Authentication behind the handshake (RFC 8446, section 4.6.2): the server asks before it serves something."""

    async def main() -> None:
        server = authority.mutual(tls=ssl.TLSVersion.TLSv1_3)
        server.post_handshake_auth = True
        client = authority.client(certificate=True)
        client.post_handshake_auth = True
        far = Recorder()
        async with serving(lambda: far, server) as address:
            near = Recorder()
            transport = await connect(near, client, address)
            await far.called("connection_made")
            sslobj = far.transport.get_extra_info("ssl_object")
            assert sslobj is not None
            assert not sslobj.getpeercert()
            sslobj.verify_client_post_handshake()
            far.transport.write(b"who is there?")
            await near.received(13)
            transport.write(b"me")
            await far.received(2)
            certificate: Any = sslobj.getpeercert()
            assert ("email", "client@example.org") in certificate["subjectAltName"]
            transport.close()
            await near.lost()
            await far.lost()

    run(main())


def test_a_context_of_its_own_for_a_client_that_asks_for_none(run: Run, authority: Authority) -> None:
    async def main() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda loop, context: None)  # the server's report
        async with serving(Recorder, authority.server()) as address:
            with pytest.raises(ssl.SSLCertVerificationError):
                await connect(Recorder(), True, address)  # type: ignore[arg-type]

    run(main())


@pytest.mark.parametrize(
    ("options", "error", "text"),
    [
        ({"ssl_handshake_timeout": 0}, ValueError, "ssl_handshake_timeout should be a positive number, got 0"),
        ({"ssl_shutdown_timeout": -1}, ValueError, "ssl_shutdown_timeout should be a positive number, got -1"),
        ({"sslcontext": None}, TypeError, "sslcontext is expected to be an instance of ssl.SSLContext, got None"),
        ({"sslcontext": True, "server_side": True}, ValueError, "Server side SSL needs a valid SSLContext"),
        ({"server_hostname": None}, ValueError, "check_hostname requires server_hostname"),
        ({"server_hostname": None, "sslcontext": True}, ValueError, "check_hostname requires server_hostname"),
    ],
)
def test_options_without_meaning_are_refused(
    authority: Authority, options: dict[str, Any], error: type[Exception], text: str
) -> None:
    async def main() -> None:
        given = {"sslcontext": authority.client(), "server_hostname": HOST, **options}
        with pytest.raises(error, match=text):
            STRICT.wrap(asyncio.get_running_loop(), Recorder(), **given)

    asyncio.run(main())


def test_the_first_byte_comes_after_whoever_awaits_the_connection(run: Run, authority: Authority) -> None:
    async def main() -> None:
        greeter = Recorder(connection_made=lambda transport: transport.write(b"hello"))
        async with serving(lambda: greeter, authority.server()) as address:
            near = Recorder()
            transport = await connect(near, authority.client(), address)
            assert near.names() == ["connection_made"]
            await near.received(5)
            transport.abort()
            await greeter.lost()

    run(main())


def test_what_is_written_in_connection_made_and_before_anything_is_read(run: Run, authority: Authority) -> None:
    async def main() -> None:
        far = Echo()
        async with serving(lambda: far, authority.server()) as address:
            near = BufferedRecorder(connection_made=lambda transport: transport.writelines([b"one", b"two"]))
            transport = await connect(near, authority.client(), address)
            transport.write(b"three")
            await near.received(11)
            assert near.data == b"onetwothree"
            transport.abort()
            await far.lost()

    run(main())


def test_a_wrapper_that_never_got_a_connection_leaves_nothing(run: Run, authority: Authority) -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        wrapper = STRICT.wrap(loop, Recorder(), sslcontext=authority.client(), server_hostname=HOST)
        wrapper.close()
        assert wrapper.is_closing()
        wrapper = STRICT.wrap(loop, Recorder(), sslcontext=authority.client(), server_hostname=HOST)
        wrapper.abort()
        assert "closing" in repr(wrapper)

    run(main())
