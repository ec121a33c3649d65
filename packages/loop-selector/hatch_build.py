"""Compile the loop's busiest module with mypyc, into a wheel for one Python and one system; only if asked to.

    HATCH_BUILD_HOOK_ENABLE_CUSTOM=true pip wheel packages/loop-selector

A wheel is plain Python otherwise. The compiled one holds the same sources, and beside those of :data:`COMPILED` an
extension module each, which Python prefers. It depends on nothing more at run time.

What is not listed stays interpreted for one of these reasons; the first two are mypyc's limits:

* A class compiled by mypyc cannot have a base that has ``__slots__``, which asyncio's handles and transports have
  (``_handles``, all transports); one kept as a class of Python's refuses subclasses that were not compiled with it.
* A compiled function is no method when a class takes it over, as the loop does with those of ``_debug``, ``_executor``,
  ``_lifecycle``, ``_reports``, ``_resolve``, ``_sendfile``, ``_sockets``, ``_tasks``, ``_tls`` and others (``_loop``).
* A compiled class checks what it is given against its annotations: ``_readiness`` would refuse the descriptors of
  sockets that are no sockets, with which CPython's own tests call the loop.
* Attributes of a compiled class are slower to interpreted code: a cancelled timer cost 13 % more with ``_timers``.
* It is seldom called, or only hands on to C (``_pollers``, ``_wakeup``, ``_registry`` …).
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

PACKAGE = "loop_selector"

COMPILED = ["_scheduler"]
"""The modules to compile."""

_SETUP = """
from mypyc.build import mypycify
from setuptools import setup

# Errors of types in other modules are not for those to see who install the package.
options = ["--config-file=", "--strict", "--follow-imports=silent"]
extensions = mypycify([*options, *{sources}], opt_level="3", debug_level="0", group_name="{package}._compiled")
setup(name="{package}", packages=[], ext_modules=extensions, script_args=["-q", "build_ext", "--build-lib", "built"])
"""


class MypycHook(BuildHookInterface[Any]):
    """Add the extension modules to a wheel."""

    _folder: tempfile.TemporaryDirectory[str] | None = None

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Compile in a folder of its own, as what lies beside the sources is used by editable installs too."""
        if version == "editable":
            return
        self._folder = tempfile.TemporaryDirectory(prefix="mypyc-")
        folder = Path(self._folder.name)
        for found in self._compile(folder):
            build_data["force_include"][str(found)] = str(found.relative_to(folder / "built"))
        build_data["pure_python"] = False
        build_data["infer_tag"] = True

    def _compile(self, folder: Path) -> list[Path]:
        shutil.copytree(Path(self.root, "src", PACKAGE), folder / PACKAGE)
        sources = [f"{PACKAGE}/{module}.py" for module in COMPILED]
        (folder / "setup.py").write_text(_SETUP.format(sources=sources, package=PACKAGE))
        self.app.display_info(f"Compiling {', '.join(COMPILED)}")
        done = subprocess.run([sys.executable, "setup.py"], cwd=folder, capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(f"mypyc failed:\n{done.stdout}\n{done.stderr}")
        return [found for found in (folder / "built").rglob("*") if found.is_file()]

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        """Remove the folder."""
        if self._folder is not None:
            self._folder.cleanup()
