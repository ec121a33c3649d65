"""Transports and protocols of asyncio's callback API, fully typed, and what a loop and a transport owe each other."""

__all__ = ["__version__"]

__version__ = "0.1.0"
