"""Transports and protocols of asyncio's callback API, typed, and what loop and transport owe each other."""

__all__ = ["__version__"]

__version__ = "0.1.0"
