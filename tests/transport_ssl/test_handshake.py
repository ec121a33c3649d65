"""Handshakes that succeed: versions, names, certificates, protocols, sessions, and what is known afterwards."""

from __future__ import annotations

import asyncio
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
