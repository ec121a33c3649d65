"""aiocoap, client and server on the loop: block-wise transfers over UDP, and over TCP."""

from __future__ import annotations

from typing import Any

import pytest

from loop_selector import run
from tests.ecosystem.support import PAYLOAD, assert_on_our_loop, free_port, library

aiocoap = library("aiocoap")
resource = library("aiocoap.resource")
Resource: Any = resource.Resource


class Echo(Resource):  # type: ignore[misc]
    async def render_post(self, request: Any) -> Any:
        assert_on_our_loop()
        return aiocoap.Message(payload=request.payload[::-1])


@pytest.mark.parametrize("scheme", ["coap", "coap+tcp"])
def test_a_large_payload_goes_there_and_back(scheme: str) -> None:
    kinds = {"coap": "udp6", "coap+tcp": "tcp"}

    async def main() -> None:
        site = resource.Site()
        site.add_resource(["echo"], Echo())
        port = free_port()
        side = {"transports": [f"{kinds[scheme]}{'server' if scheme == 'coap+tcp' else ''}"]}
        server = await aiocoap.Context.create_server_context(site, bind=("127.0.0.1", port), **side)
        client = await aiocoap.Context.create_client_context(
            transports=["tcpclient" if scheme == "coap+tcp" else "udp6"]
        )
        sent = PAYLOAD[:20_000]
        uri = f"{scheme}://127.0.0.1:{port}/echo"
        answer = await client.request(aiocoap.Message(code=aiocoap.POST, payload=sent, uri=uri)).response
        assert answer.payload == sent[::-1]
        await client.shutdown()
        await server.shutdown()

    run(main())


def test_nobody_at_the_port_is_the_librarys_error() -> None:
    async def main() -> None:
        client = await aiocoap.Context.create_client_context(transports=["udp6"])
        message = aiocoap.Message(code=aiocoap.GET, uri=f"coap://127.0.0.1:{free_port()}/")
        with pytest.raises(aiocoap.error.NetworkError):
            await client.request(message).response
        await client.shutdown()

    run(main())
