"""The public names of ``loop_selector``, written down: a new one is a decision, not an accident."""

from __future__ import annotations

import importlib.metadata

import loop_selector
from tests.support import public_names

NAMES = {
    "EpollPoller",
    "KqueuePoller",
    "MissingTransportError",
    "PluginError",
    "Poller",
    "SelectPoller",
    "SelectorEventLoop",
    "new_event_loop",
    "run",
}


def test_public_names_are_exactly_these() -> None:
    assert set(loop_selector.__all__) - {"__version__"} == NAMES


def test_every_public_name_is_listed() -> None:
    assert public_names(loop_selector) == NAMES


def test_version_is_the_one_of_the_distribution() -> None:
    assert loop_selector.__version__ == importlib.metadata.version("loop-selector")
