"""What a loop does by itself: callbacks, timers, threads, signals, names, and sockets that belong to the caller."""

from __future__ import annotations

import asyncio
import os
import signal
import socket

import loop_selector


async def signalled(loop: asyncio.AbstractEventLoop) -> None:
    came = asyncio.Event()
    loop.add_signal_handler(signal.SIGUSR1, came.set)
    os.kill(os.getpid(), signal.SIGUSR1)
    await came.wait()
    loop.remove_signal_handler(signal.SIGUSR1)


async def own_sockets(loop: asyncio.AbstractEventLoop) -> None:
    near, far = socket.socketpair()
    with near, far:
        near.setblocking(False)
        far.setblocking(False)
        await loop.sock_sendall(near, b"hello")
        assert await loop.sock_recv(far, 100) == b"hello"


async def main() -> None:
    loop = asyncio.get_running_loop()
    assert isinstance(loop, loop_selector.SelectorEventLoop)
    async with asyncio.timeout(20), asyncio.TaskGroup() as group:
        group.create_task(asyncio.sleep(0.01))
        group.create_task(signalled(loop))
        group.create_task(own_sockets(loop))
        assert await asyncio.to_thread(lambda: 42) == 42
        assert await loop.getaddrinfo("127.0.0.1", 80, type=socket.SOCK_STREAM)


loop_selector.run(main())
print("worked")
