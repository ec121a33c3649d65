"""What it costs to have a connection: to make it, and to keep it."""

from benchmarks.case import Load, Served
from benchmarks.cases import _servers

CASES = [
    Served(
        name="connect",
        about="TCP: connect, echo 64 B, close; 20 at a time",
        group="connect",
        unit="connection",
        count=4_000,
        server=_servers.tcp,
        load=Load(mode="connect", size=64, connections=20),
    ),
    Served(
        name="tls-handshake",
        about="TLS: connect, handshake, echo 64 B, close; 20 at a time",
        group="connect",
        unit="connection",
        count=400,
        server=_servers.tls,
        load=Load(mode="connect", tls=True, size=64, connections=20),
    ),
    Served(
        name="memory-tcp",
        about="memory of an idle TCP connection after one echo of 1 KiB",
        group="memory",
        unit="connection",
        count=2_000,
        server=_servers.tcp,
        load=Load(mode="hold"),
        floor=None,
        memory=True,
    ),
    Served(
        name="memory-tls",
        about="memory of an idle TLS connection after one echo of 1 KiB",
        group="memory",
        unit="connection",
        count=1_000,
        server=_servers.tls,
        load=Load(mode="hold", tls=True),
        floor=None,
        memory=True,
    ),
]
