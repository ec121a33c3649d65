"""Twisted on the loop: `asyncioreactor.install(new_event_loop())`; readers and writers by descriptor, own SIGCHLD."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.ecosystem.conftest import CertificateFiles
from tests.ecosystem.support import library

library("twisted")

START = """
import asyncio, json, os, sys
from twisted.internet import asyncioreactor
from loop_selector import new_event_loop
asyncioreactor.install(new_event_loop())

from twisted.internet import defer, endpoints, protocol, reactor, ssl, task, threads
certificates = sys.argv[1]
payload = bytes(range(256)) * 4096
result = {"loop": type(reactor._asyncioEventloop).__module__.split(".")[0]}
"""
END = """
task.react(main)
"""
ECHO = """
class Echo(protocol.Protocol):
    def dataReceived(self, data):
        self.transport.write(data)

class Ask(protocol.Protocol):
    def connectionMade(self):
        self.received, self.done = b"", defer.Deferred()
        self.transport.write(payload)

    def dataReceived(self, data):
        self.received += data
        if len(self.received) >= len(payload):
            self.transport.loseConnection()

    def connectionLost(self, reason):
        self.done.callback(self.received == payload)

async def run(reactor):
    server = f":privateKey={certificates}/key.pem:certKey={certificates}/certificate.pem"
    for scheme, listen in ("tcp", "tcp:0:interface=127.0.0.1"), ("tls", f"ssl:0:interface=127.0.0.1{server}"):
        port = await endpoints.serverFromString(reactor, listen).listen(protocol.Factory.forProtocol(Echo))
        to = endpoints.HostnameEndpoint(reactor, "localhost", port.getHost().port)
        if scheme == "tls":
            with open(f"{certificates}/authority.pem") as file:
                authority = ssl.Certificate.loadPEM(file.read())
            to = endpoints.wrapClientTLS(ssl.optionsForClientTLS("localhost", authority), to)
        asking = [await endpoints.connectProtocol(to, Ask()) for _ in range(5)]
        result[scheme] = [await ask.done for ask in asking]
        await port.stopListening()
    print(json.dumps(result))

def main(reactor):
    return defer.Deferred.fromCoroutine(run(reactor))
"""
WAIT = """
from twisted.internet import utils

async def count_in_thread():
    return await threads.deferToThread(sum, range(1000))

async def run(reactor):
    children = [
        utils.getProcessOutputAndValue("/bin/sh", ["-c", f"cat; exit {number}"], stdinBytes=payload)
        for number in range(5)
    ]
    ended = [await child for child in children]
    result["output"] = [output == payload for output, _, _ in ended]
    result["status"] = [status for _, _, status in ended]
    result["thread"] = await count_in_thread()
    result["future"] = await defer.Deferred.fromFuture(asyncio.ensure_future(asyncio.sleep(0, "asyncio's")))
    ticks = []
    loop = task.LoopingCall(lambda: ticks.append(1) or (len(ticks) == 5 and loop.stop()))
    await loop.start(0.001)
    result["ticks"] = len(ticks)
    print(json.dumps(result))

def main(reactor):
    return defer.Deferred.fromCoroutine(run(reactor))
"""


def run(program: str, folder: Path, *args: str) -> Any:
    command = [sys.executable, "-c", START + program + END, *args]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL)
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout)


def test_connections_echo_over_tcp_and_tls(tmp_path: Path, certificate_files: CertificateFiles) -> None:
    result = run(ECHO, tmp_path, str(certificate_files.key.parent))
    assert result == {"loop": "loop_selector", "tcp": [True] * 5, "tls": [True] * 5}


@pytest.mark.parametrize("attempt", range(3))  # uvloop hangs here now and then
def test_processes_threads_futures_and_timers_end(tmp_path: Path, attempt: int) -> None:
    result = run(WAIT, tmp_path, str(attempt))
    assert (result.pop("output"), result.pop("status")) == ([True] * 5, [0, 1, 2, 3, 4])
    assert result == {"loop": "loop_selector", "thread": sum(range(1000)), "future": "asyncio's", "ticks": 5}
