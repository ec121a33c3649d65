"""Small libraries on the loop: threads that feed queues, files, names, other processes."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from loop_selector import run
from tests.ecosystem.support import PAYLOAD, assert_on_our_loop, library


def test_janus_hands_items_from_threads_to_tasks_and_back() -> None:
    janus = library("janus")

    async def main() -> None:
        assert_on_our_loop()
        there, back = janus.Queue(maxsize=5), janus.Queue(maxsize=5)

        def double() -> None:
            while (item := there.sync_q.get(timeout=60)) is not None:
                back.sync_q.put(item * 2, timeout=60)

        thread = threading.Thread(target=double)
        thread.start()

        async def feed() -> None:
            for number in [*range(500), None]:
                await there.async_q.put(number)

        feeding = asyncio.create_task(feed())
        assert [await back.async_q.get() for _ in range(500)] == [number * 2 for number in range(500)]
        await feeding
        thread.join()
        await there.aclose()
        await back.aclose()

    run(main())


def test_aiofiles_writes_and_reads(tmp_path: Path) -> None:
    aiofiles = library("aiofiles")

    async def main() -> None:
        async with aiofiles.open(tmp_path / "file", "wb") as file:
            for start in range(0, len(PAYLOAD), 100_000):
                await file.write(PAYLOAD[start : start + 100_000])
        async with aiofiles.open(tmp_path / "file", "rb") as file:
            assert await file.read() == PAYLOAD

    run(main())


# In a process of its own: c-ares ends its channels in a thread, some time later.
RESOLVE = """
import asyncio, socket, sys
import aiodns, pycares
from loop_selector import run

class Names(asyncio.DatagramProtocol):
    # A name server that knows one address for every name: RFC 1035, section 4.1.
    def connection_made(self, transport):
        self.transport = transport

    def datagram_received(self, data, addr):
        question = data[12 : data.index(0, 12) + 5]
        answer = bytes.fromhex("c00c 0001 0001 0000003c 0004") + socket.inet_aton("192.0.2.7")
        self.transport.sendto(data[:2] + bytes.fromhex("8580 0001 0001 0000 0000") + question + answer, addr)

Channel = pycares.Channel

def without_thread(**options):
    # Make c-ares as it is where it has no threads: it wants its sockets watched by the loop.
    if "sock_state_cb" not in options:
        raise pycares.AresError(1, "no thread")
    return Channel(**options)

async def main(watched):
    pycares.Channel = without_thread if watched else Channel
    transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(Names, ("127.0.0.1", 0))
    port = transport.get_extra_info("sockname")[1]
    resolver = aiodns.DNSResolver(nameservers=["127.0.0.1"], udp_port=port, tcp_port=port)
    assert resolver._event_thread is not watched
    answers = await asyncio.gather(*(resolver.query_dns(f"host{number}.example", "A") for number in range(20)))
    print([{record.data.addr for record in answer.answer} for answer in answers] == [{"192.0.2.7"}] * 20)
    await resolver.close()
    transport.close()

run(main(sys.argv[1] == "add_reader"))
"""


@pytest.mark.parametrize("how", ["add_reader", "thread"])
def test_aiodns_asks_a_server_on_the_loop(how: str) -> None:
    library("aiodns")
    done = subprocess.run([sys.executable, "-c", RESOLVE, how], capture_output=True, text=True, timeout=60)
    assert (done.stdout, done.returncode) == ("True\n", 0), done.stderr


def test_psutil_sees_and_ends_a_child_that_the_loop_waits_for() -> None:
    psutil = library("psutil")

    async def main() -> None:
        child = await asyncio.create_subprocess_exec("cat", stdin=asyncio.subprocess.PIPE)
        process = psutil.Process(child.pid)
        assert process.name() == "cat"
        process.terminate()
        assert await child.wait() == -15
        assert not psutil.pid_exists(child.pid)

    run(main())
