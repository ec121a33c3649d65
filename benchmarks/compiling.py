"""Build the load generator and the bare server, which are C programs."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

_SOURCES = Path(__file__).parent / "native"
_WITH_TLS = ["-DWITH_TLS", "-lssl", "-lcrypto"]


@dataclass(frozen=True)
class Programs:
    """Paths of the built programs."""

    load: Path
    floor: Path
    tls: bool
    """Whether they can do TLS: OpenSSL's headers are there."""


def compiler() -> str | None:
    """Find the C compiler, which ``CC`` may name."""
    return shutil.which(os.environ.get("CC", "cc"))


def build(folder: Path) -> Programs | None:
    """Compile into a folder; None without a compiler.

    Raises:
        subprocess.CalledProcessError: if the sources do not compile even without TLS.
    """
    cc = compiler()
    if cc is None:
        return None
    tls = _compile(cc, "load", folder, _WITH_TLS).returncode == 0
    extra = _WITH_TLS if tls else []
    for name in ("load", "floor"):
        _compile(cc, name, folder, extra).check_returncode()
    return Programs(folder / "load", folder / "floor", tls)


def _compile(cc: str, name: str, folder: Path, extra: list[str]) -> subprocess.CompletedProcess[str]:
    command = [cc, "-O2", "-o", str(folder / name), str(_SOURCES / f"{name}.c"), *extra]
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
