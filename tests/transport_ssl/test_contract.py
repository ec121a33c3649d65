"""The rules of behaviour that hold for every stream transport, over TLS."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from tests.transport_ssl.support import Authority, connect, serving
from transport_abc.testing import Check, StreamSubject, pairs_from, stream_checks


def subject_of(authority: Authority) -> StreamSubject:
    server, client = authority.server(), authority.client()

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
        exact_buffer_size=False,
        implementation="transport_ssl",
    )


# Faults of asyncio's transports below, which the rules find through the wrapper.
BELOW = {
    "a_servers_factory_that_raises": "asyncio's server reports nothing and leaks the socket",
    "resume_writing_that_raises": "asyncio cannot abort a transport in resume_writing: AttributeError",
}


@pytest.mark.parametrize("check", stream_checks(), ids=str)
def test_rule_of_every_stream_transport_over_those_of_asyncio(
    check: Check[StreamSubject], authority: Authority
) -> None:
    subject = subject_of(authority)
    reason = BELOW.get(check.name) or check.inapplicable(subject)
    if reason:
        pytest.skip(reason)
    check.run_in_loop(subject, asyncio.SelectorEventLoop)
