"""redis-py against a real redis-server, over TCP and over a Unix socket."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from loop_selector import run
from tests.ecosystem.support import PAYLOAD, assert_on_our_loop, free_port, library, program, running, wait_for_line

pytestmark = pytest.mark.server
redis = library("redis.asyncio")


@pytest.fixture(scope="module")
def urls(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """Start a server that keeps nothing, and give its addresses."""
    server = program("redis-server", "redis-server")
    folder, port = tmp_path_factory.mktemp("redis"), free_port()
    path = folder / "redis.sock"
    options = [
        "--bind",
        "127.0.0.1",
        "--port",
        str(port),
        "--unixsocket",
        str(path),
        "--save",
        "",
        "--dir",
        str(folder),
    ]
    with running([server, *options]) as process:
        wait_for_line(process, "accept connections at")
        yield {"tcp": f"redis://127.0.0.1:{port}", "unix": f"unix://{path}"}


@pytest.fixture(params=["tcp", "unix"])
def url(request: pytest.FixtureRequest, urls: dict[str, str]) -> str:
    return urls[request.param]


def test_values_pipelines_and_transactions(url: str) -> None:
    async def main() -> None:
        assert_on_our_loop()
        async with redis.from_url(url) as client:
            await client.set("blob", PAYLOAD)
            assert await client.get("blob") == PAYLOAD
            await client.delete("n")
            async with client.pipeline(transaction=True) as pipe:
                for _ in range(1000):
                    pipe.incr("n")
                assert await pipe.execute() == list(range(1, 1001))

    run(main())


def test_published_messages_arrive_in_order(url: str) -> None:
    async def listen(pubsub: Any) -> list[bytes]:
        found = []
        async for message in pubsub.listen():
            if message["type"] == "message":
                found.append(message["data"])
                if message["data"] == b"end":
                    break
        return found

    async def main() -> None:
        async with redis.from_url(url) as client, client.pubsub() as pubsub:
            await pubsub.subscribe("channel")
            assert (await pubsub.get_message(timeout=10))["type"] == "subscribe"
            listening = asyncio.create_task(listen(pubsub))
            for number in range(200):
                assert await client.publish("channel", number) == 1
            await client.publish("channel", "end")
            assert await listening == [*(b"%d" % number for number in range(200)), b"end"]

    run(main())


def test_a_blocking_pop_waits_for_another_client_and_ends_at_its_timeout(url: str) -> None:
    async def main() -> None:
        async with redis.from_url(url) as one, redis.from_url(url) as two:
            waiting = asyncio.create_task(one.blpop("queue", timeout=10))
            while not (await two.info("clients"))["blocked_clients"]:
                pass
            await two.rpush("queue", "job")
            assert await waiting == (b"queue", b"job")
            assert await one.blpop("queue", timeout=0.05) is None

    run(main())
