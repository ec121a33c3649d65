"""What is to be released: everything in ``dist/``, or with ``--tag`` one package."""

from __future__ import annotations

import pytest

from tests.release.releases import DIST


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--tag", help="PACKAGE-vVERSION, the tag that a package is released by")


def pytest_configure(config: pytest.Config) -> None:
    if not any(DIST.glob("*.whl")):
        raise pytest.UsageError(f"nothing in {DIST}; run nox -s release-check, which builds it")


@pytest.fixture
def tag(request: pytest.FixtureRequest) -> str:
    given: str | None = request.config.getoption("--tag")
    if given is None:
        pytest.skip("no --tag was given: nothing is being released")
    return given
