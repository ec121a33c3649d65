"""Checks of a plug-in class: what a loop relies on when it finds one."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING

from transport_abc._plugins import (
    API_VERSION,
    ENTRY_POINT_GROUP,
    DatagramPlugin,
    PipePlugin,
    Plugin,
    ProcessPlugin,
    StreamPlugin,
    WrapperPlugin,
)
from transport_abc.testing._check import check_into, expect, expect_equal
from transport_abc.testing._trial import PluginTrial

if TYPE_CHECKING:
    from transport_abc.testing._check import Check
    from transport_abc.testing._subjects import PluginSubject

__all__ = ["plugin_checks"]

_CHECKS: list[Check[PluginSubject]] = []
check = check_into(_CHECKS, PluginTrial)

_KINDS = (StreamPlugin, DatagramPlugin, WrapperPlugin, PipePlugin, ProcessPlugin)


def plugin_checks() -> list[Check[PluginSubject]]:
    """Return the checks of plug-in classes."""
    return [*_CHECKS]


@check()
async def a_plugin_is_of_one_kind(trial: PluginTrial) -> None:
    """A plug-in is a class, and a subclass of exactly one kind."""
    plugin = trial.subject.plugin
    expect(inspect.isclass(plugin), f"{plugin!r} is not a class")
    kinds = [kind.__name__ for kind in _KINDS if issubclass(plugin, kind)]
    names = ", ".join(kind.__name__ for kind in _KINDS)
    expect(len(kinds) == 1, f"{plugin.__name__} is a subclass of {kinds!r}; expected exactly one of {names}")


@check()
async def a_plugin_names_its_api_version(trial: PluginTrial) -> None:
    """api_version is the number that the plug-in was written for, and it is the one of this contract."""
    version = getattr(trial.subject.plugin, "api_version", None)
    expect(type(version) is int, f"api_version: expected an int, got {version!r}")
    expect_equal(version, API_VERSION, "api_version")


@check()
async def a_plugin_writes_its_api_version_as_a_number(trial: PluginTrial) -> None:
    """api_version is a literal: one that follows the installed contract could never be found to be too old."""
    try:
        source = inspect.getsource(trial.subject.plugin)
    except (OSError, TypeError):  # no source to look at
        return
    expect("API_VERSION" not in source, f"write api_version = {API_VERSION}, not the constant of transport_abc")


@check()
async def a_plugin_is_made_without_arguments(trial: PluginTrial) -> None:
    """A loop makes a plug-in without arguments; all its abstract methods are there."""
    plugin = trial.subject.plugin
    missing = sorted(getattr(plugin, "__abstractmethods__", ()))
    expect(not missing, f"{plugin.__name__} lacks {', '.join(missing)}")
    expect(isinstance(plugin(), Plugin), f"{plugin.__name__}() is no Plugin")


@check(needs=("entry_point",))
async def a_plugin_is_found_by_its_entry_point(trial: PluginTrial) -> None:
    """One installed distribution registers the plug-in under its name, and loading it gives the class."""
    from importlib.metadata import entry_points  # slow to import, and needed nowhere else

    name = trial.subject.entry_point
    found = [point for point in entry_points(group=ENTRY_POINT_GROUP) if point.name == name]
    values = sorted({point.value for point in found})
    expect(len(values) == 1, f"{name!r} in the group {ENTRY_POINT_GROUP!r}: expected one entry point, found {values!r}")
    loaded = found[0].load()
    expect(loaded is trial.subject.plugin, f"the entry point {name!r} is {loaded!r}")
