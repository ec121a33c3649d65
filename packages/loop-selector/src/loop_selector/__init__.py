"""A complete asyncio event loop whose transports are separate packages."""

__all__ = ["__version__"]

__version__ = "0.1.0"
