"""Pipe and subprocess transports for asyncio event loops.

Loops find :class:`PipePlugin` as ``pipe`` and :class:`SubprocessPlugin` as ``subprocess``; both work on every asyncio
loop of a POSIX system.
"""

from transport_subprocess._pipes import ReadPipeTransport, WritePipeTransport
from transport_subprocess._plugins import PipePlugin, SubprocessPlugin
from transport_subprocess._process import ProcessTransport

__all__ = [
    "PipePlugin",
    "ProcessTransport",
    "ReadPipeTransport",
    "SubprocessPlugin",
    "WritePipeTransport",
    "__version__",
]

__version__ = "0.1.0"
