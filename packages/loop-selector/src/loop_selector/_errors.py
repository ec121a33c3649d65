"""What is raised when a transport cannot be had."""

from __future__ import annotations

__all__ = ["MissingTransportError", "PluginError"]


class PluginError(RuntimeError):
    """A plug-in is installed and cannot be used; ``__cause__`` is the reason, if it failed to load."""


class MissingTransportError(PluginError, NotImplementedError):
    """No plug-in of this name is installed. It is a NotImplementedError, as asyncio's own loops raise.

    Attributes:
        kind: the name that was looked up.
        distribution: the name of the package to install, where it is known.
    """

    def __init__(self, message: str, kind: str = "", distribution: str | None = None) -> None:
        super().__init__(message)
        self.kind = kind
        self.distribution = distribution
