"""The public names of ``transport_subprocess``, written down: a new one is a decision, not an accident."""

from __future__ import annotations

import importlib.metadata

import transport_subprocess
from tests.support import public_names

NAMES = {"PipePlugin", "ProcessTransport", "ReadPipeTransport", "SubprocessPlugin", "WritePipeTransport"}


def test_public_names_are_exactly_these() -> None:
    assert set(transport_subprocess.__all__) - {"__version__"} == NAMES


def test_every_public_name_is_listed() -> None:
    assert public_names(transport_subprocess) == NAMES


def test_version_is_the_one_of_the_distribution() -> None:
    assert transport_subprocess.__version__ == importlib.metadata.version("transport-subprocess")
