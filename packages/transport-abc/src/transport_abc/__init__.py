"""Transports and protocols of asyncio's callback API, fully typed, and the contract between a loop and a transport."""

__all__ = ["__version__"]

__version__ = "0.1.0"
