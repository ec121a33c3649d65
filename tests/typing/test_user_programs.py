"""Programs of users pass strict type checkers without cast or ignore, and their mistakes are reported."""

from __future__ import annotations

import importlib.util
from typing import TYPE_CHECKING

import pytest

from tests.transport_abc import documented
from tests.typing import checkers
from tests.typing.programs import RIGHT, WRONG

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.timeout(180)

DOCUMENTED = {
    "documented_socketpair": documented.block(documented.SOURCE),
    "documented_upper": documented.block("transport_upper.py"),
}
PROGRAMS = {**RIGHT, **WRONG, **DOCUMENTED}
CHECKERS = ["mypy", "basedpyright"]


@pytest.fixture(scope="module", params=CHECKERS)
def checker(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    if importlib.util.find_spec(name) is None:
        pytest.skip(f"{name} is not installed")
    return name


@pytest.fixture(scope="module")
def errors(checker: str, tmp_path_factory: pytest.TempPathFactory) -> checkers.Errors:
    """Check all programs at once; a checker takes seconds to start."""
    folder: Path = tmp_path_factory.mktemp(checker)
    checkers.write(folder, PROGRAMS)
    run = checkers.mypy if checker == "mypy" else checkers.basedpyright
    found, _ = run(folder)
    return found


@pytest.mark.parametrize("name", RIGHT)
def test_right_program_passes(name: str, errors: checkers.Errors) -> None:
    assert errors.get(name, {}) == {}


@pytest.mark.parametrize("name", DOCUMENTED)
def test_documented_transport_passes(name: str, errors: checkers.Errors) -> None:
    assert errors.get(name, {}) == {}


@pytest.mark.parametrize("name", WRONG)
def test_mistakes_are_reported(name: str, checker: str, errors: checkers.Errors) -> None:
    kind = "mypy" if checker == "mypy" else "pyright"
    wanted = checkers.expected(WRONG[name], kind)
    assert wanted, "the program expects nothing"
    # That a wrong type leads to unknown types after it goes without saying.
    found = {
        line: {code for code in codes if not code.startswith("reportUnknown")}
        for line, codes in errors.get(name, {}).items()
    }
    assert found == wanted
