"""Say what this installation can do, and what is wrong with it; behind ``python -m loop_selector doctor``."""

from __future__ import annotations

import os
import platform
import select
import signal
import socket
import sys
import tempfile
from importlib.machinery import EXTENSION_SUFFIXES
from typing import TYPE_CHECKING, Any

from loop_selector import _registry
from loop_selector._pollers import default_poller
from loop_selector._registry import PluginError, Source
from transport_abc import API_VERSION

if TYPE_CHECKING:
    from types import ModuleType

__all__ = ["examine", "is_healthy", "render"]

_DISTRIBUTIONS = ("loop-selector", "transport-abc")


def examine() -> dict[str, Any]:
    """Look at everything: the findings as values that JSON can carry."""
    poller = default_poller()
    poller.close()
    return {
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "system": platform.platform(),
        "distributions": {name: _version(name) for name in _DISTRIBUTIONS},
        "api_version": API_VERSION,
        "poller": type(poller).__name__,
        "compiled": _compiled(),
        "lacks": [what for what, has in _abilities().items() if not has],
        "transports": [_transport(name, sources) for name, sources in sorted(_registry.installed().items())],
        "not_installed": {
            name: distribution
            for name, distribution in _registry.PROVIDERS.items()
            if name not in _registry.installed()
        },
    }


def _compiled() -> list[str]:
    """Name the modules of the loop that run as machine code: none, unless its compiled wheel is installed."""
    ours = [name for name in sorted(sys.modules) if name.startswith("loop_selector.")]
    # The compiler's own module, in which the others share what they have, is not one of the sources.
    return [name for name in ours if not name.endswith("__mypyc") and _is_extension(sys.modules[name])]


def _is_extension(module: ModuleType) -> bool:
    return (getattr(module, "__file__", None) or "").endswith(tuple(EXTENSION_SUFFIXES))


def _version(distribution: str) -> str | None:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(distribution)
    except PackageNotFoundError:
        return None


def _transport(name: str, sources: list[Source]) -> dict[str, Any]:
    """Look at one name: who claims it, and whether it can be used."""
    found: dict[str, Any] = {
        "name": name,
        "claims": [
            {"distribution": source.distribution, "version": source.version, "value": source.entry_point.value}
            for source in sources
        ],
        "plugin": None,
        "api_version": None,
        "error": None,
        "cause": None,
    }
    try:
        plugin = _registry.load(name)
    except PluginError as exc:
        found["error"] = str(exc)
        found["cause"] = None if exc.__cause__ is None else f"{type(exc.__cause__).__name__}: {exc.__cause__}"
    else:
        found["plugin"] = f"{type(plugin).__module__}.{type(plugin).__qualname__}"
        found["api_version"] = plugin.api_version
    return found


def _abilities() -> dict[str, bool]:
    """Try what loops and transports make use of where it is there."""
    return {
        "epoll": hasattr(select, "epoll"),
        "kqueue": hasattr(select, "kqueue"),
        "poll": hasattr(select, "poll"),
        "pidfd": _has_pidfd(),
        "Unix sockets": _has_unix_sockets(),
        "IPv6": _has_ipv6(),
        "sendfile": hasattr(os, "sendfile"),
        "sendmsg": hasattr(socket.socket, "sendmsg"),
        "SO_REUSEPORT": hasattr(socket, "SO_REUSEPORT"),
        "signal handlers in the loop": hasattr(signal, "set_wakeup_fd") and sys.platform != "win32",
        "TLS (module ssl)": _has_ssl(),
    }


def _has_pidfd() -> bool:
    """Return whether processes can be watched by descriptor: the system call may be missing or forbidden."""
    if sys.platform != "linux":
        return False
    try:
        os.close(os.pidfd_open(os.getpid()))
    except OSError:
        return False
    return True


def _has_unix_sockets() -> bool:
    if not hasattr(socket, "AF_UNIX"):
        return False
    with tempfile.TemporaryDirectory() as folder, socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
        try:
            sock.bind(os.path.join(folder, "s"))
        except OSError:
            return False
    return True


def _has_ipv6() -> bool:
    """Return whether a socket can be bound to the loopback address of IPv6, which containers often lack."""
    if not socket.has_ipv6:
        return False
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_STREAM) as sock:
            sock.bind(("::1", 0))
    except OSError:
        return False
    return True


def _has_ssl() -> bool:
    try:
        import ssl
    except ImportError:
        return False
    return bool(ssl.OPENSSL_VERSION)


def is_healthy(findings: dict[str, Any]) -> bool:
    """Return whether nothing is broken; what is merely not installed or not offered by the system is not broken."""
    return all(transport["error"] is None for transport in findings["transports"])


def render(findings: dict[str, Any]) -> str:
    """Write the findings as text."""
    lines = [f"{findings['python']} on {findings['system']}"]
    lines += [f"{name} {version or 'without metadata'}" for name, version in findings["distributions"].items()]
    lines += [f"plug-in interface: version {findings['api_version']}", f"poller: {findings['poller']}"]
    lines.append(f"compiled modules: {', '.join(findings['compiled']) or 'none, it is plain Python'}")
    lines += [f"this system lacks: {', '.join(findings['lacks']) or 'nothing'}", "", "transports:"]
    for transport in findings["transports"]:
        lines += _transport_lines(transport)
    if not findings["transports"]:
        lines.append("  none")
    missing = findings["not_installed"]
    if missing:
        lines += ["", "not installed:"]
        lines += [f"  {name}: pip install {distribution}" for name, distribution in missing.items()]
    broken = [transport["name"] for transport in findings["transports"] if transport["error"]]
    lines += ["", f"broken: {', '.join(broken)}" if broken else "everything that is installed loads"]
    return "\n".join(lines)


def _transport_lines(transport: dict[str, Any]) -> list[str]:
    claims = " and ".join(f"{claim['distribution']} {claim['version']}" for claim in transport["claims"])
    if transport["error"] is None:
        return [f"  {transport['name']}: {claims}, {transport['plugin']}, interface {transport['api_version']}"]
    return [f"  {transport['name']}: BROKEN: {transport['error']}"]
