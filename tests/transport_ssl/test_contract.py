"""The rules of behaviour that hold for every stream transport, over TLS."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from tests.transport_ssl.conftest import LOOPS
from tests.transport_ssl.support import Authority, connect, serving
from transport_abc.testing import Check, StreamSubject, pairs_from, stream_checks


def subject_of(authority: Authority, tls: ssl.TLSVersion) -> StreamSubject:
    server, client = authority.server(tls=tls), authority.client(tls=tls)

    @asynccontextmanager
    async def serve(factory: Callable[[], Any]) -> AsyncIterator[Any]:
        async with serving(factory, server) as address:

            async def connecting(protocol_factory: Callable[[], Any]) -> tuple[Any, Any]:
                protocol = protocol_factory()
                return await connect(protocol, client, address), protocol

            yield connecting

    return StreamSubject(
        make_pair=pairs_from(serve),
        serve=serve,
        half_close=tls is ssl.TLSVersion.TLSv1_3,
        exact_buffer_size=False,
        implementation="transport_ssl",
    )


# Faults of the loop below, which the rules find through the wrapper.
BELOW = {
    "a_servers_factory_that_raises": "asyncio's server reports nothing and leaks the socket",
    "resume_writing_that_raises": "asyncio cannot abort a transport in resume_writing: AttributeError",
}


@pytest.mark.parametrize("check", stream_checks(), ids=str)
def test_rule_of_every_stream_transport(
    check: Check[StreamSubject], authority: Authority, loop_factory: Callable[[], Any]
) -> None:
    if loop_factory is asyncio.SelectorEventLoop and check.name in BELOW:
        pytest.skip(BELOW[check.name])
    try_rule(check, subject_of(authority, ssl.TLSVersion.TLSv1_3), loop_factory)


@pytest.mark.parametrize("check", stream_checks(), ids=str)
def test_rule_of_every_stream_transport_under_tls_1_2(check: Check[StreamSubject], authority: Authority) -> None:
    name, loop_factory = [*LOOPS.items()][-1]
    if name == "asyncio" and check.name in BELOW:
        pytest.skip(BELOW[check.name])
    try_rule(check, subject_of(authority, ssl.TLSVersion.TLSv1_2), loop_factory)


def try_rule(check: Check[StreamSubject], subject: StreamSubject, loop_factory: Callable[[], Any]) -> None:
    reason = check.inapplicable(subject)
    if reason:
        pytest.skip(reason)
    check.run_in_loop(subject, loop_factory)
