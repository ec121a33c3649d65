"""The plug-in classes, and what the checks of plug-ins say about wrong ones."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

import transport_abc
from transport_abc import API_VERSION, DatagramPlugin, Plugin, StreamPlugin
from transport_abc.testing import PluginSubject, plugin_checks, run_checks

KINDS = ["DatagramPlugin", "PipePlugin", "ProcessPlugin", "StreamPlugin", "WrapperPlugin"]


class Connecting(StreamPlugin):
    api_version = 1

    async def connect(self, loop: Any, protocol_factory: Any, *args: Any, **options: Any) -> Any:
        raise ConnectionRefusedError


@pytest.mark.parametrize("name", KINDS)
def test_kind_is_a_plugin_that_must_be_filled_in(name: str) -> None:
    kind = getattr(transport_abc, name)
    assert issubclass(kind, Plugin)
    with pytest.raises(TypeError, match="abstract"):
        kind()


def test_stream_plugin_that_only_connects_says_so() -> None:
    plugin: Any = Connecting()
    with pytest.raises(NotImplementedError, match="Connecting does not listen"):
        asyncio.run(plugin.listen(None, None))
    with pytest.raises(NotImplementedError, match="Connecting does not adopt connections"):
        asyncio.run(plugin.adopt(None, None))


def failures(plugin: Any, entry_point: str | None = None) -> dict[str, str]:
    results = run_checks(plugin_checks(), PluginSubject(plugin=plugin, entry_point=entry_point))
    return {result.check: result.detail for result in results if not result.ok}


def test_checks_accept_a_plugin_that_is_right() -> None:
    assert failures(Connecting) == {}


class WithoutVersion(StreamPlugin):
    connect = Connecting.connect


class OfTheFuture(Connecting):
    api_version = API_VERSION + 1  # the next one


class OfTwoKinds(Connecting, DatagramPlugin):
    async def open(self, loop: Any, protocol_factory: Any, *args: Any, **options: Any) -> Any:
        raise NotImplementedError


class Incomplete(StreamPlugin):
    api_version = 1


class Demanding(Connecting):
    def __init__(self, option: str) -> None:
        self.option = option


class NoPlugin:
    api_version = 1


@pytest.mark.parametrize(
    ("plugin", "check"),
    [
        (WithoutVersion, "a_plugin_names_its_api_version"),
        (OfTheFuture, "a_plugin_names_its_api_version"),
        (OfTheFuture, "a_plugin_writes_its_api_version_as_a_number"),
        (OfTwoKinds, "a_plugin_is_of_one_kind"),
        (NoPlugin, "a_plugin_is_of_one_kind"),
        (Incomplete, "a_plugin_is_made_without_arguments"),
        (Demanding, "a_plugin_is_made_without_arguments"),
    ],
)
def test_checks_notice_a_plugin_that_is_wrong(plugin: Any, check: str) -> None:
    assert check in failures(plugin)


def test_checks_notice_a_missing_entry_point() -> None:
    found = failures(Connecting, "no-such-entry-point")
    assert found == {
        "a_plugin_is_found_by_its_entry_point": (
            "'no-such-entry-point' in the group 'transport_abc.transports': expected one entry point, found []"
        )
    }
