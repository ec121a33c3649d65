"""What loops rely on in a plug-in class, for every plug-in of ours."""

from __future__ import annotations

import importlib
from functools import partial
from typing import Any

import pytest

from tests.conformance.contract.loops import STOCK
from tests.conformance.contract.table import rows
from transport_abc.testing import Check, PluginSubject, plugin_checks

PLUGINS = {
    "tcp": ("transport_socket", "TcpPlugin"),
    "unix": ("transport_socket", "UnixPlugin"),
    "udp": ("transport_socket", "UdpPlugin"),
    "unix-datagram": ("transport_socket", "UnixDatagramPlugin"),
    "pipe": ("transport_subprocess", "PipePlugin"),
    "ssl": ("transport_ssl", "SslPlugin"),
    "subprocess": ("transport_subprocess", "SubprocessPlugin"),
}
"""Entry point, package and class."""


def _subject(name: str) -> PluginSubject:
    package, plugin = PLUGINS[name]
    return PluginSubject(plugin=getattr(importlib.import_module(package), plugin), entry_point=name)


ROWS: list[Any] = [
    row
    for name, (package, _) in PLUGINS.items()
    for row in rows(plugin_checks(), name, package, partial(_subject, name), [STOCK])
]


@pytest.mark.parametrize(("check", "subject", "loop_factory"), ROWS)
def test_plugin(check: Check[PluginSubject], subject: PluginSubject, loop_factory: Any) -> None:
    check.run_in_loop(subject, loop_factory)
