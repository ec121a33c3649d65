"""CONTRIBUTING.md says what each session is for, and no page or script names one that does not exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.packaging.sessions import named_in, sessions
from tests.packaging.workspace import ROOT

PAGES = [ROOT / ".ci/run", *sorted(ROOT.glob("*.md")), *sorted(ROOT.glob("docs/**/*.md"))]
ROW = re.compile(r"^\| `([a-z_-]+)` \| (.+) \| (.+) \|$", re.MULTILINE)


def test_every_session_is_listed_with_its_purpose_and_its_duration() -> None:
    rows = ROW.findall((ROOT / "CONTRIBUTING.md").read_text())
    assert len({name for name, _, _ in rows}) == len(rows)
    assert {name for name, _, _ in rows} == sessions()
    assert [name for name, _, duration in rows if not re.search(r"\d+ (s|min)", duration)] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_sessions_that_are_named_exist(page: Path) -> None:
    assert named_in(page.read_text()) <= sessions()


def test_names_of_sessions_are_found_in_a_text() -> None:
    text = "run `nox -s tests` or `.venv/bin/nox -s tests-3.12 -- -k tcp`, `nox -s lint typing release-check`."
    assert named_in(text) == {"tests", "lint", "typing", "release-check"}
    assert {"isolated", "release-check", "tests"} <= sessions()
