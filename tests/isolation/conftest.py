"""One environment for each combination, made when a test first needs it; and certificates, which need trustme."""

from __future__ import annotations

import fcntl
from typing import TYPE_CHECKING

import pytest
import trustme

from tests.isolation import environments
from tests.isolation.combinations import COMBINATIONS, Combination
from tests.isolation.environments import Environment

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Give each test all combinations, or those that its mark ``among`` chooses."""
    if "combination" in metafunc.fixturenames:
        chosen = getattr(metafunc.function, "among", lambda combination: True)
        values = [combination for combination in COMBINATIONS if chosen(combination)]
        metafunc.parametrize("combination", values, ids=lambda combination: combination.name)


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory, testrun_uid: str) -> Path:
    """A folder for all processes of one run of pytest."""
    folder = tmp_path_factory.getbasetemp().parent / f"environments-{testrun_uid}"
    folder.mkdir(exist_ok=True)
    return folder


@pytest.fixture(scope="session")
def made(shared: Path) -> Callable[[Combination], Environment]:
    """Look an environment up, or make it while other processes wait."""

    def look_up(combination: Combination) -> Environment:
        folder = shared / combination.name.replace(", ", "-").replace(" ", "-")
        with folder.with_suffix(".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            return environments.found(folder) or environments.make(folder, combination.asked)

    return look_up


@pytest.fixture
def environment(combination: Combination, made: Callable[[Combination], Environment]) -> Environment:
    return made(combination)


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A server's certificate with its key, and the authority to trust, as PEM files."""
    folder = tmp_path_factory.mktemp("certificates")
    authority = trustme.CA()
    server, trusted = folder / "server.pem", folder / "authority.pem"
    authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(str(server))
    authority.cert_pem.write_to_path(str(trusted))
    return server, trusted
