"""Small programs that show each transport at work; `python -m transport_examples` runs them all."""

__all__ = ["__version__"]

__version__ = "0.1.0"
