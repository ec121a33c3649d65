"""Echo on connections that stay open."""

from benchmarks.case import Load, Served
from benchmarks.cases import _servers

_KIB = 1024


def _tcp(name: str, size: int, connections: int, count: int) -> Served:
    return Served(
        name=name,
        about=f"TCP, {_bytes(size)}, {connections} connections",
        group="echo",
        count=count,
        server=_servers.tcp,
        load=Load(size=size, connections=connections),
    )


def _bytes(size: int) -> str:
    return f"{size // _KIB} KiB" if size >= _KIB else f"{size} B"


CASES = [
    _tcp("tcp-64b-500", 64, 500, 40_000),
    _tcp("tcp-1k-1", _KIB, 1, 12_000),
    _tcp("tcp-1k-50", _KIB, 50, 40_000),
    _tcp("tcp-1k-500", _KIB, 500, 40_000),
    _tcp("tcp-16k-50", 16 * _KIB, 50, 20_000),
    _tcp("tcp-100k-10", 100 * _KIB, 10, 4_000),
    Served(
        name="buffered-1k-50",
        about="TCP, BufferedProtocol, 1 KiB, 50 connections",
        group="echo",
        count=40_000,
        server=_servers.tcp_buffered,
    ),
    Served(
        name="streams-1k-50",
        about="TCP, asyncio streams, 1 KiB, 50 connections",
        group="echo",
        count=20_000,
        server=_servers.streams,
    ),
    Served(
        name="unix-1k-50",
        about="Unix socket, 1 KiB, 50 connections",
        group="echo",
        count=40_000,
        server=_servers.unix,
        floor="path",
    ),
    Served(
        name="udp-1k-50",
        about="UDP, 1 KiB, 50 peers",
        group="echo",
        count=40_000,
        server=_servers.udp,
        load=Load(type="datagram"),
    ),
    Served(
        name="tls-1k-50",
        about="TLS, 1 KiB, 50 connections",
        group="tls",
        count=25_000,
        server=_servers.tls,
        load=Load(tls=True),
    ),
    Served(
        name="tls-100k-10",
        about="TLS, 100 KiB, 10 connections",
        group="tls",
        count=2_000,
        server=_servers.tls,
        load=Load(tls=True, size=100 * _KIB, connections=10),
    ),
    Served(
        name="tls-buffered-1k-50",
        about="TLS, BufferedProtocol, 1 KiB, 50 connections",
        group="tls",
        count=25_000,
        server=_servers.tls_buffered,
        load=Load(tls=True),
    ),
]
