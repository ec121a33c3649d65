"""Dask's distributed: a scheduler, workers, nannies and a client, each a process of its own on the loop.

Today's comm is tornado's over `add_reader` and `add_writer`. The one over asyncio's transports was there until version
2023.9: it reaches into stock asyncio's transports where it finds them, and must not where it finds ours.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.ecosystem.conftest import CertificateFiles
from tests.ecosystem.support import library, older, python, wait_for_line

library("distributed")

# Its own setting knows the stock loop, tornado and uvloop by name only, so each process is a program that calls run().
START = """
import asyncio, json, sys, dask
from distributed import Client, Nanny, Scheduler, Worker, get_worker
from distributed.security import Security
from loop_selector import SelectorEventLoop, run
role, protocol, certificates, *rest = sys.argv[1:]
files = dict(tls_ca_file=f"{certificates}/authority.pem")
for part in "scheduler", "worker", "client":
    files |= {f"tls_{part}_key": f"{certificates}/key.pem", f"tls_{part}_cert": f"{certificates}/certificate.pem"}
security = Security(require_encryption=True, **files) if protocol == "tls" else Security()
common = dict(security=security, protocol=protocol) if role != "client" else dict(security=security)
"""
SCHEDULER = (
    START
    + """
async def main():
    assert type(asyncio.get_running_loop()) is SelectorEventLoop
    address = dict(host="127.0.0.1", port=0, dashboard_address=":0", dashboard=False)
    async with Scheduler(**address, **common) as scheduler:
        print("address", scheduler.address, flush=True)
        await scheduler.finished()
run(main())
"""
)
WORKER = (
    START
    + """
async def main():
    address = dict(host="127.0.0.1", dashboard=False, local_directory=rest[1])
    async with Worker(rest[0], nthreads=2, **address, **common) as worker:
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
    return os.getpid(), type(get_worker().loop.asyncio_loop).__module__.split(".")[0], number * number

async def main():
    async with Client(rest[0], asynchronous=True, **common) as client:
        await client.wait_for_workers(2)
        found = []
        while len({pid for pid, _, _ in found}) < 2:  # few tasks are not always spread, so ask again
            found = await client.gather(client.map(which, range(200), pure=False))
        large = await client.scatter(bytes(range(256)) * 40_000, broadcast=True)
        back = await client.gather(client.submit(lambda data: data * 2, large))
        failing = client.submit(lambda: 1 / 0)
        error = type(await failing.exception()).__name__
        comm = type(client.scheduler_comm.comm).__module__
        print(json.dumps({"pids": sorted({pid for pid, _, _ in found}), "loops": sorted({loop for _, loop, _ in found}),
                          "squares": [square for *_, square in found], "large": back == bytes(range(256)) * 80_000,
                          "error": error, "comm": comm}), flush=True)
        await client.shutdown()
run(main())
"""
)
# A nanny's worker, and each command of `dask`, makes its loop by asyncio.new_event_loop(). A process that a nanny
# starts imports this file first.
EVERYWHERE = """
import asyncio
from loop_selector import new_event_loop

class Policy(asyncio.DefaultEventLoopPolicy):
    def new_event_loop(self):
        return new_event_loop()

asyncio.set_event_loop_policy(Policy())

if __name__ == "__main__":
    from dask.__main__ import main
    main()
"""
COMMS = {"tornado": "distributed.comm.tcp", "asyncio": "distributed.comm.asyncio_tcp"}
ANSWER = {
    "loops": ["loop_selector"],
    "squares": [number * number for number in range(200)],
    "large": True,
    "error": "ZeroDivisionError",
}


@pytest.fixture(params=COMMS)
def comm(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def environment(tmp_path: Path, comm: str) -> dict[str, str]:
    """Choose the version of the library by the comm, and show its programs the loop and nothing of the caller's."""
    chosen = {"DASK_TEMPORARY_DIRECTORY": str(tmp_path), "DASK_DISTRIBUTED__COMM__TCP__BACKEND": comm}
    if comm == "asyncio":
        chosen["PYTHONPATH"] = str(older("distributed"))
    return {**os.environ, **chosen}


@contextlib.contextmanager
def processes(folder: Path, environment: dict[str, str]) -> Iterator[Any]:
    """Start programs one after the other; all are ended together."""
    with contextlib.ExitStack() as stack:

        def start(*args: str) -> Any:
            return stack.enter_context(python(*args, cwd=folder, env=environment))

        yield start


@pytest.mark.parametrize("protocol", ["tcp", "tls"])
def test_work_is_spread_over_processes_and_large_data_arrives(
    tmp_path: Path, certificate_files: CertificateFiles, environment: dict[str, str], comm: str, protocol: str
) -> None:
    options = (protocol, str(certificate_files.key.parent))
    with processes(tmp_path, environment) as start:
        scheduler = start("-c", SCHEDULER, "scheduler", *options)
        address = wait_for_line(scheduler, "address ").split()[1]
        workers = [start("-c", WORKER, "worker", *options, address, str(tmp_path)) for _ in range(2)]
        for worker in workers:
            wait_for_line(worker, "working")
        client = start("-c", CLIENT, "client", *options, address)
        answer = json.loads(wait_for_line(client, '{"pids"'))
        ended = [process.wait(timeout=60) for process in (client, *workers, scheduler)]
    assert answer == {**ANSWER, "pids": sorted(worker.pid for worker in workers), "comm": COMMS[comm]}
    assert ended == [0, 0, 0, 0]


def test_the_commands_of_dask_and_the_workers_of_nannies(
    tmp_path: Path, certificate_files: CertificateFiles, environment: dict[str, str], comm: str
) -> None:
    (tmp_path / "dask_here.py").write_text(EVERYWHERE)
    with processes(tmp_path, environment) as start:
        scheduler = start("dask_here.py", "scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard")
        address = wait_for_line(scheduler, "Scheduler at:").split()[-1]
        options = ("--nworkers", "2", "--nthreads", "1", "--host", "127.0.0.1", "--no-dashboard")
        nannies = start("dask_here.py", "worker", address, *options)
        client = start("-c", CLIENT, "client", "tcp", str(certificate_files.key.parent), address)
        answer = json.loads(wait_for_line(client, '{"pids"'))
        ended = [process.wait(timeout=60) for process in (client, nannies, scheduler)]
    pids = answer.pop("pids")
    assert answer == {**ANSWER, "comm": COMMS[comm]}
    assert (len(pids), nannies.pid in pids) == (2, False)
    assert ended == [0, 0, 0]
