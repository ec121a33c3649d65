"""Pipe and subprocess transports for asyncio event loops."""

__all__ = ["__version__"]

__version__ = "0.1.0"
