"""Dask's distributed: a scheduler, two workers and a client, each a process of its own on the loop."""

from __future__ import annotations

import contextlib
import json
import os
from pathlib import Path
from typing import Any

from tests.ecosystem.support import library, python, wait_for_line

library("distributed")

# Its own setting knows the stock loop, tornado and uvloop by name only, so each process is a program that calls run().
START = """
import asyncio, json, sys
from distributed import Client, Nanny, Scheduler, Worker
from loop_selector import SelectorEventLoop, run
role, *rest = sys.argv[1:]
"""
SCHEDULER = (
    START
    + """
async def main():
    assert type(asyncio.get_running_loop()) is SelectorEventLoop
    async with Scheduler(host="127.0.0.1", port=0, dashboard_address=":0", dashboard=False) as scheduler:
        print("address", scheduler.address, flush=True)
        await scheduler.finished()
run(main())
"""
)
WORKER = (
    START
    + """
async def main():
    async with Worker(rest[0], nthreads=2, host="127.0.0.1", dashboard=False, local_directory=rest[1]) as worker:
        print("working", flush=True)
        await worker.finished()
run(main())
"""
)
CLIENT = (
    START
    + """
def which(number):
    import os
    return os.getpid(), number * number

async def main():
    async with Client(rest[0], asynchronous=True) as client:
        await client.wait_for_workers(2)
        found = await client.gather(client.map(which, range(200), pure=False))
        large = await client.scatter(bytes(range(256)) * 40_000, broadcast=True)
        length = await client.submit(lambda data: (len(data), data[-1]), large)
        failing = client.submit(lambda: 1 / 0)
        error = type(await failing.exception()).__name__
        print(json.dumps({"pids": sorted({pid for pid, _ in found}), "squares": [square for _, square in found],
                          "large": length, "error": error}), flush=True)
        await client.shutdown()
run(main())
"""
)


def test_work_is_spread_over_processes_and_large_data_arrives(tmp_path: Path) -> None:
    environment = {**os.environ, "DASK_TEMPORARY_DIRECTORY": str(tmp_path)}

    def start(program: str, *args: str) -> Any:
        return python("-c", program, "role", *args, cwd=tmp_path, env=environment)

    with contextlib.ExitStack() as stack:
        scheduler = stack.enter_context(start(SCHEDULER))
        address = wait_for_line(scheduler, "address ").split()[1]
        workers = [stack.enter_context(start(WORKER, address, str(tmp_path))) for _ in range(2)]
        for worker in workers:
            wait_for_line(worker, "working")
        client = stack.enter_context(start(CLIENT, address))
        answer = json.loads(wait_for_line(client, '{"pids"'))
        ended = [process.wait(timeout=20) for process in (client, *workers, scheduler)]
    assert answer["pids"] == sorted(worker.pid for worker in workers)
    assert answer["squares"] == [number * number for number in range(200)]
    assert (answer["large"], answer["error"]) == ([256 * 40_000, 255], "ZeroDivisionError")
    assert ended == [0, 0, 0, 0]
