"""The public names of ``transport_abc``, written down: a new one is a decision, not an accident."""

from __future__ import annotations

import importlib.metadata

import transport_abc
from tests.support import public_names

NAMES = {
    "__version__",
}


def test_public_names_are_exactly_these() -> None:
    assert set(transport_abc.__all__) == NAMES


def test_every_public_name_is_listed() -> None:
    assert public_names(transport_abc) | {"__version__"} == set(transport_abc.__all__)


def test_version_is_the_one_of_the_distribution() -> None:
    assert transport_abc.__version__ == importlib.metadata.version("transport-abc")
