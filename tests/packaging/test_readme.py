"""What README.md promises: two commands, and that continuous integration runs the very same ones."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("packages/*/README.md")])
LINK = re.compile(r"\]\(([^)]+)\)")


def commands(session: str) -> list[str]:
    return re.findall(f"^python3 .*/nox -s {session}$", (ROOT / "README.md").read_text(), re.MULTILINE)


@pytest.mark.parametrize("session", ["echo", "tests"])
def test_each_session_of_the_readme_has_one_command(session: str) -> None:
    assert len(commands(session)) == 1


def test_continuous_integration_takes_its_commands_from_the_readme(tmp_path: Path) -> None:
    """Run a copy of ``.ci/run`` in which running a command means to write it down."""
    script = (ROOT / ".ci/run").read_text()
    recording, replaced = re.subn(r"^run\(\) \{.*?^\}", 'run() { echo "RUN $1"; }', script, flags=re.M | re.S)
    assert replaced == 1
    (tmp_path / ".ci").mkdir()
    (tmp_path / ".ci/run").write_text(recording)
    shutil.copy(ROOT / "README.md", tmp_path)
    done = subprocess.run(["bash", ".ci/run"], cwd=tmp_path, capture_output=True, text=True, check=False, timeout=20)
    ran = [line.removeprefix("RUN ") for line in done.stdout.splitlines() if line.startswith("RUN ")]
    assert ran[:2] == [*commands("tests"), *commands("echo")]


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_between_files_lead_somewhere(page: Path) -> None:
    targets = [target.partition("#")[0] for target in LINK.findall(page.read_text()) if "://" not in target]
    assert [target for target in targets if not (page.parent / target).exists()] == []
