from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import pytest

import loop_selector
from loop_selector import MissingTransportError, PluginError, SelectorEventLoop
from tests.loop_selector.plugins import Datagrams, Streams, Wrapping
from transport_abc import API_VERSION, DatagramPlugin, Plugin, StreamPlugin

if TYPE_CHECKING:
    from pathlib import Path

PLUGIN = """
from transport_abc import StreamPlugin
print("imported", __name__)
class P(StreamPlugin):
    api_version = {version}
    async def connect(self, loop, protocol_factory, *args, **options):
        return "connected", args
"""


def install(folder: Path, distribution: str, name: str, source: str, version: str = "1.2") -> None:
    """Lay out a distribution as installers do: a module, and metadata with an entry point."""
    module = distribution.replace("-", "_")
    (folder / f"{module}.py").write_text(source)
    info = folder / f"{module}-{version}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: {version}\n")
    (info / "entry_points.txt").write_text(f"[transport_abc.transports]\n{name} = {module}:P\n")


def run(folder: Path, *command: str, code: int = 0) -> str:
    """Run Python in which the distributions of a folder are installed and return what it prints."""
    done = subprocess.run(
        [sys.executable, *command],
        env={**os.environ, "PYTHONPATH": str(folder)},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == code, done.stderr
    assert done.stderr == ""
    return done.stdout


TRY = """
import loop_selector, transport_abc, sys
loop = loop_selector.new_event_loop()
for name in sys.argv[1:]:
    try:
        print(name, "->", type(loop.plugin(name, transport_abc.Plugin)).__name__)
    except RuntimeError as exc:
        print(type(exc).__name__, exc, "| cause:", repr(exc.__cause__))
loop.close()
"""


def look_up(folder: Path, *names: str) -> list[str]:
    return run(folder, "-c", TRY, *names).splitlines()


# -- given to the loop -----------------------------------------------------------------------------------------------


def test_plugins_are_given_by_name_as_class_or_instance() -> None:
    instance = Streams()
    loop = SelectorEventLoop(transports={"a": Streams, "b": instance})
    assert isinstance(loop.plugin("a", StreamPlugin), Streams)
    assert loop.plugin("a", StreamPlugin) is loop.plugin("a", StreamPlugin)
    assert loop.plugin("b", StreamPlugin) is instance
    loop.close()


def test_plugins_that_know_their_name_are_given_alone() -> None:
    class Named(Streams):
        name = "own"

    for given in ([Named], (Named(),)):
        loop = SelectorEventLoop(transports=given)
        assert isinstance(loop.plugin("own", StreamPlugin), Named)
        loop.close()


def test_a_given_plugin_comes_before_an_installed_one() -> None:
    loop = SelectorEventLoop(transports={"tcp": Streams})
    assert type(loop.plugin("tcp", StreamPlugin)) is Streams
    loop.close()


def test_a_plugin_without_a_name_is_refused() -> None:
    with pytest.raises(TypeError, match="a plug-in without a name"):
        SelectorEventLoop(transports=[Streams])


@pytest.mark.parametrize("thing", ["text", object, 5])
def test_what_is_no_plugin_is_refused(thing: Any) -> None:
    with pytest.raises(PluginError, match=r"transport 'x' of this loop: expected a transport_abc.Plugin, got"):
        SelectorEventLoop(transports={"x": thing})


@pytest.mark.parametrize(
    ("version", "advice"),
    [(API_VERSION + 1, "update the loop"), (0, "update the plug-in"), (None, "update the plug-in")],
)
def test_another_version_of_the_interface_is_refused_with_both_named(version: Any, advice: str) -> None:
    class Other(Streams):
        api_version: ClassVar[int] = version

    with pytest.raises(PluginError, match=rf"version {version!r} .*this loop has version {API_VERSION}; {advice}"):
        SelectorEventLoop(transports={"x": Other})


def test_a_plugin_without_a_version_is_refused() -> None:
    class Bare(Plugin):
        pass

    with pytest.raises(PluginError, match="version None"):
        SelectorEventLoop(transports={"x": Bare})


def test_a_plugin_of_another_kind_is_refused() -> None:
    loop = SelectorEventLoop(transports={"x": Datagrams, "y": Wrapping})
    with pytest.raises(PluginError, match=r"transport 'x': expected a StreamPlugin, got .*Datagrams"):
        loop.plugin("x", StreamPlugin)
    assert isinstance(loop.plugin("x", DatagramPlugin), Datagrams)
    loop.close()


# -- missing ---------------------------------------------------------------------------------------------------------


def test_a_missing_transport_says_what_to_install(tmp_path: Path) -> None:
    install(tmp_path, "some-package", "something", PLUGIN.format(version=API_VERSION))
    program = """if True:
        import asyncio, loop_selector
        from importlib import metadata
        real = metadata.entry_points
        metadata.entry_points = lambda **kw: [entry for entry in real(**kw) if entry.name == "something"]
        async def main():
            loop = asyncio.get_running_loop()
            try:
                await loop.create_connection(asyncio.Protocol, "127.0.0.1", 1)
            except loop_selector.MissingTransportError as exc:
                print(exc, exc.kind, exc.distribution, sep="|")
        loop_selector.run(main())
    """
    assert run(tmp_path, "-c", program).strip() == (
        "no transport 'tcp' is installed; pip install transport-socket; installed: something|tcp|transport-socket"
    )


def test_a_name_that_is_nearly_right_is_suggested() -> None:
    loop = SelectorEventLoop(transports={"serial": Streams})
    with pytest.raises(
        MissingTransportError, match="no transport 'serail' is installed; did you mean 'serial'"
    ) as caught:
        loop.plugin("serail", StreamPlugin)
    assert caught.value.distribution is None
    assert "serial" in str(caught.value).partition("installed: ")[2]
    loop.close()


def test_a_missing_transport_is_not_implemented() -> None:
    assert issubclass(MissingTransportError, NotImplementedError)
    assert issubclass(MissingTransportError, PluginError)


def test_a_transport_given_to_one_loop_is_not_another_loops() -> None:
    first, second = SelectorEventLoop(transports={"mine": Streams}), SelectorEventLoop()
    with pytest.raises(MissingTransportError):
        second.plugin("mine", StreamPlugin)
    first.close()
    second.close()


# -- installed -------------------------------------------------------------------------------------------------------


def test_only_what_is_asked_for_is_imported_and_once(tmp_path: Path) -> None:
    install(tmp_path, "one", "first", PLUGIN.format(version=API_VERSION))
    install(tmp_path, "two", "second", PLUGIN.format(version=API_VERSION))
    assert look_up(tmp_path, "first", "first") == ["imported one", "first -> P", "first -> P"]


def test_nothing_is_read_before_a_name_is_needed(tmp_path: Path) -> None:
    program = """if True:
        import sys, asyncio, loop_selector
        loop_selector.run(asyncio.sleep(0))
        print("importlib.metadata" in sys.modules)
    """
    assert run(tmp_path, "-c", program).strip() == "False"


def test_what_is_installed_is_read_once(tmp_path: Path) -> None:
    install(tmp_path, "one", "first", PLUGIN.format(version=API_VERSION))
    program = """if True:
        from importlib import metadata
        import loop_selector, transport_abc
        real, scans = metadata.entry_points, []
        metadata.entry_points = lambda **kw: scans.append(1) or real(**kw)
        for _ in range(3):
            loop = loop_selector.new_event_loop()
            loop.plugin("first", transport_abc.Plugin)
            try:
                loop.plugin("nothing", transport_abc.Plugin)
            except NotImplementedError:
                pass
            loop.close()
        print(len(scans))
    """
    assert run(tmp_path, "-c", program).splitlines() == ["imported one", "1"]


def test_a_broken_plugin_is_reported_with_its_cause_each_time_and_hinders_no_other(tmp_path: Path) -> None:
    install(tmp_path, "broken-one", "broken", "print('tried')\nraise ZeroDivisionError('on purpose')\n")
    install(tmp_path, "good-one", "good", PLUGIN.format(version=API_VERSION))
    lines = look_up(tmp_path, "broken", "good", "broken")
    message = (
        "PluginError transport 'broken' of broken-one 1.2 (broken_one:P) failed to load: "
        "ZeroDivisionError: on purpose | cause: ZeroDivisionError('on purpose')"
    )
    assert lines == ["tried", message, "imported good_one", "good -> P", message]


def test_an_installed_plugin_of_another_version_is_refused(tmp_path: Path) -> None:
    install(tmp_path, "future", "next", PLUGIN.format(version=99))
    [_, line] = look_up(tmp_path, "next")
    assert line.startswith(
        "PluginError transport 'next' of future 1.2 (future:P) is made for version 99 of the plug-in"
    )


def test_two_distributions_with_one_name_are_both_named(tmp_path: Path) -> None:
    install(tmp_path, "one", "same", PLUGIN.format(version=API_VERSION))
    install(tmp_path, "two", "same", PLUGIN.format(version=API_VERSION), version="3.0")
    [line] = look_up(tmp_path, "same")
    assert line.startswith("PluginError transport 'same' is provided by ")
    assert "one 1.2 (one:P)" in line
    assert "two 3.0 (two:P)" in line
    assert "transports={'same': ...}" in line


# -- the doctor ------------------------------------------------------------------------------------------------------


def test_the_doctor_tells_what_is_installed(tmp_path: Path) -> None:
    install(tmp_path, "some-package", "something", PLUGIN.format(version=API_VERSION))
    out = run(tmp_path, "-m", "loop_selector", "doctor")
    assert "  something: some-package 1.2, some_package.P, interface 1" in out
    assert "poller: " in out
    assert "compiled modules: " in out
    assert "everything that is installed loads" in out


def test_the_doctor_tells_what_is_broken_and_says_so_with_its_exit_code(tmp_path: Path) -> None:
    install(tmp_path, "broken-one", "broken", "raise ZeroDivisionError('on purpose')\n")
    install(tmp_path, "one", "same", PLUGIN.format(version=API_VERSION))
    install(tmp_path, "two", "same", PLUGIN.format(version=API_VERSION))
    install(tmp_path, "future", "next", "from transport_abc import Plugin\nclass P(Plugin): api_version = 99\n")
    out = run(tmp_path, "-m", "loop_selector", "doctor", code=1)
    assert "  broken: BROKEN: transport 'broken' of broken-one 1.2 (broken_one:P) failed to load" in out
    assert "  same: BROKEN: transport 'same' is provided by " in out
    assert "  next: BROKEN: " in out
    assert "broken: broken, next, same" in out


def test_the_doctor_speaks_json(tmp_path: Path) -> None:
    install(tmp_path, "broken-one", "broken", "raise ZeroDivisionError('on purpose')\n")
    found = json.loads(run(tmp_path, "-m", "loop_selector", "doctor", "--json", code=1))
    [broken] = [transport for transport in found["transports"] if transport["name"] == "broken"]
    assert broken["claims"] == [{"distribution": "broken-one", "version": "1.2", "value": "broken_one:P"}]
    assert broken["cause"] == "ZeroDivisionError: on purpose"
    assert found["api_version"] == API_VERSION
    assert found["distributions"]["loop-selector"]
    assert isinstance(found["lacks"], list)


def test_the_doctor_names_the_modules_that_are_compiled(tmp_path: Path) -> None:
    found = json.loads(run(tmp_path, "-m", "loop_selector", "doctor", "--json"))
    beside = [file for file in Path(loop_selector.__file__).parent.iterdir() if file.name.endswith((".so", ".pyd"))]
    names = {f"loop_selector.{file.name.partition('.')[0]}" for file in beside}
    assert set(found["compiled"]) == {name for name in names if not name.endswith("__mypyc")}


def test_the_command_line_has_help_and_a_version(tmp_path: Path) -> None:
    assert "doctor" in run(tmp_path, "-m", "loop_selector", "--help")
    assert run(tmp_path, "-m", "loop_selector", "--version").startswith("loop-selector ")
