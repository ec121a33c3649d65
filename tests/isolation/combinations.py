"""Which packages people install together, and what they have then."""

from __future__ import annotations

from dataclasses import dataclass

PROVIDERS = {
    "tcp": "transport-socket",
    "unix": "transport-socket",
    "udp": "transport-socket",
    "unix-datagram": "transport-socket",
    "ssl": "transport-ssl",
    "pipe": "transport-subprocess",
    "subprocess": "transport-subprocess",
}
"""Transport to the distribution that has it."""


@dataclass(frozen=True)
class Combination:
    """What is asked for, and what has to be installed then: that, and nothing else."""

    name: str
    asked: list[str]
    installed: set[str]

    @property
    def has_loop(self) -> bool:
        return "loop-selector" in self.installed

    @property
    def transports(self) -> list[str]:
        return sorted(name for name, distribution in PROVIDERS.items() if distribution in self.installed)


LOOP = {"transport-abc", "loop-selector"}
COMBINATIONS = [
    Combination("abc", ["transport-abc"], {"transport-abc"}),
    Combination("socket alone", ["transport-socket"], {"transport-abc", "transport-socket"}),
    Combination("ssl alone", ["transport-ssl"], {"transport-abc", "transport-ssl"}),
    Combination("subprocess alone", ["transport-subprocess"], {"transport-abc", "transport-subprocess"}),
    Combination("loop", ["loop-selector"], LOOP),
    Combination("loop, socket", ["loop-selector[socket]"], LOOP | {"transport-socket"}),
    Combination("loop, socket, ssl", ["loop-selector[ssl]"], LOOP | {"transport-socket", "transport-ssl"}),
    Combination("loop, subprocess", ["loop-selector[subprocess]"], LOOP | {"transport-subprocess"}),
    Combination("loop, examples", ["transport-examples"], LOOP | {"transport-examples"}),
    Combination(
        "all",
        ["loop-selector[all]", "transport-examples"],
        LOOP | {*PROVIDERS.values(), "transport-examples"},
    ),
]
