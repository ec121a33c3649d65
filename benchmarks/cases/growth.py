"""How the cost of a request grows with the number of connections. It should not."""

from benchmarks.case import Load, Served
from benchmarks.cases import _servers

_ACTIVE = 10


def _idle(connections: int) -> Served:
    return Served(
        name=f"idle-{connections}",
        about=f"TCP, 1 KiB, {connections} connections, {_ACTIVE} of them active",
        group="growth",
        count=20_000,
        server=_servers.tcp,
        load=Load(connections=_ACTIVE, idle=connections - _ACTIVE),
        floor=None,
    )


def _active(connections: int) -> Served:
    return Served(
        name=f"active-{connections}",
        about=f"TCP, 1 KiB, {connections} connections, all active",
        group="growth",
        count=max(20_000, 3 * connections),
        server=_servers.tcp,
        load=Load(connections=connections),
        floor=None,
    )


CASES = [
    *map(_idle, (10, 100, 1_000, 10_000)),
    *map(_active, (10, 100, 1_000, 10_000)),
]
