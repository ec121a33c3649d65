"""Find the plug-ins that make transports, by name.

Theory of operation. A name is looked up when a method of the loop first needs it, and only then: importing
``importlib.metadata`` and reading what is installed takes tens of milliseconds, which a program without transports need
not pay. The installed entry points are read once per process and shared by all loops; a plug-in is imported when its
name is asked for and no other is. What was given to the loop itself comes before what is installed.

A plug-in that cannot be used (it fails to load, was made for another version of the contract, or shares its name with
one of another distribution) is an error for those who ask for it, each time they do, and for nobody else.
"""

from __future__ import annotations

import difflib
import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar, cast

from loop_selector._errors import MissingTransportError, PluginError
from transport_abc import API_VERSION, ENTRY_POINT_GROUP, Plugin

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from importlib.metadata import EntryPoint

    _PluginT = TypeVar("_PluginT", bound=Plugin)

__all__ = ["PROVIDERS", "MissingTransportError", "PluginError", "Registry", "Source", "installed", "load"]

PROVIDERS = {
    "tcp": "transport-socket",
    "unix": "transport-socket",
    "udp": "transport-socket",
    "unix-datagram": "transport-socket",
    "ssl": "transport-ssl",
    "pipe": "transport-subprocess",
    "subprocess": "transport-subprocess",
}
"""The distributions of this family that provide the kinds asyncio knows."""


@dataclass(frozen=True)
class Source:
    """An installed plug-in: one entry point of one distribution."""

    name: str
    entry_point: EntryPoint
    distribution: str
    version: str

    def __str__(self) -> str:
        return f"{self.distribution} {self.version} ({self.entry_point.value})"


@functools.cache
def installed() -> dict[str, list[Source]]:
    """Read the installed plug-ins, once per process: name to all that claim it."""
    from importlib.metadata import entry_points

    found: dict[str, list[Source]] = {}
    for entry in entry_points(group=ENTRY_POINT_GROUP):
        dist = entry.dist
        name, version = (dist.name, dist.version) if dist is not None else ("an unknown distribution", "?")
        source = Source(entry.name, entry, name, version)
        others = found.setdefault(entry.name, [])
        # One distribution may be seen twice, as with an editable install beside its folder on sys.path.
        if all((other.distribution, other.entry_point.value) != (name, entry.value) for other in others):
            others.append(source)
    return found


def load(name: str) -> Plugin:
    """Import an installed plug-in and make its one instance.

    Raises:
        MissingTransportError: if none of that name is installed.
        PluginError: if it cannot be used.
    """
    if name not in installed():
        raise _missing(name, installed())
    outcome = _outcome(name)
    if isinstance(outcome, Plugin):
        return outcome
    message, cause = outcome
    raise PluginError(message) from cause


@functools.cache
def _outcome(name: str) -> Plugin | tuple[str, BaseException | None]:
    """Return the plug-in, or why it cannot be used; remembered either way."""
    sources = installed()[name]
    if len(sources) > 1:
        claims = " and ".join(map(str, sources))
        return (
            f"transport {name!r} is provided by {claims}; uninstall all but one, or give the loop the one to use: "
            f"transports={{{name!r}: ...}}"
        ), None
    source = sources[0]
    try:
        return checked(name, source.entry_point.load(), str(source))
    except PluginError as exc:
        return str(exc), exc.__cause__
    except Exception as exc:
        return f"transport {name!r} of {source} failed to load: {type(exc).__name__}: {exc}", exc


def checked(name: str, plugin: object, origin: str) -> Plugin:
    """Return an instance of a plug-in, given as class or instance, that this loop can use.

    Raises:
        PluginError: if it is no plug-in, or of another version of the contract.
    """
    if isinstance(plugin, type) and issubclass(plugin, Plugin):
        _check_version(name, plugin, origin)
        return plugin()
    if not isinstance(plugin, Plugin):
        raise PluginError(f"transport {name!r} of {origin}: expected a transport_abc.Plugin, got {plugin!r}")
    _check_version(name, type(plugin), origin)
    return plugin


def _check_version(name: str, kind: type[Plugin], origin: str) -> None:
    version = getattr(kind, "api_version", None)
    if version != API_VERSION:
        advice = "update the loop" if isinstance(version, int) and version > API_VERSION else "update the plug-in"
        raise PluginError(
            f"transport {name!r} of {origin} is made for version {version!r} of the plug-in interface, "
            f"this loop has version {API_VERSION}; {advice}"
        )


def _missing(name: str, known: Iterable[str]) -> MissingTransportError:
    names = sorted(known)
    distribution = PROVIDERS.get(name)
    parts = [f"no transport {name!r} is installed"]
    if distribution is not None:
        parts.append(f"pip install {distribution}")
    else:
        near = difflib.get_close_matches(name, sorted({*names, *PROVIDERS}), 1)
        if near:
            parts.append(f"did you mean {near[0]!r}?")
    parts.append(f"installed: {', '.join(names) if names else 'none'}")
    return MissingTransportError("; ".join(parts), name, distribution)


class Registry:
    """The plug-ins of one loop.

    Args:
        given: plug-ins that come before those installed: a mapping from name to plug-in, or plug-ins that have a
            ``name``; instances or classes.
    """

    def __init__(self, given: Mapping[str, object] | Iterable[object] | None = None) -> None:
        self._plugins = {name: checked(name, plugin, "this loop") for name, plugin in _named(given)}

    def names(self) -> list[str]:
        """Return the names that were given, and those of what is installed."""
        return sorted({*self._plugins, *installed()})

    def find(self, name: str, kind: Callable[..., _PluginT]) -> _PluginT:
        """Return the plug-in of a name.

        Raises:
            MissingTransportError: if there is none.
            PluginError: if it cannot be used, or is not of this class.
        """
        plugin = self._plugins.get(name)
        if plugin is None:
            plugin = self._plugins[name] = self._load(name)
        # Declared as a callable: type checkers refuse an abstract class where a type is expected.
        wanted: type[Any] = cast(Any, kind)
        if not isinstance(plugin, wanted):
            raise PluginError(f"transport {name!r}: expected a {wanted.__name__}, got {plugin!r}")
        return cast("_PluginT", plugin)

    def _load(self, name: str) -> Plugin:
        if name not in installed():
            raise _missing(name, self.names())  # those given to this loop are named as well
        return load(name)


def _named(given: Mapping[str, object] | Iterable[object] | None) -> Iterable[tuple[str, object]]:
    """Yield names and plug-ins of what the loop was given."""
    items = getattr(given, "items", None)
    if items is not None:
        yield from items()
        return
    for plugin in given or ():
        name = getattr(plugin, "name", None)
        if not isinstance(name, str):
            raise TypeError(
                f"a plug-in without a name: expected {{name: plugin}} or an attribute 'name', got {plugin!r}"
            )
        yield name, plugin
