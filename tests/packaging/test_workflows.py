"""The workflows of continuous integration and publishing name what exists, and cover every package."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.packaging.sessions import named_in, sessions
from tests.packaging.workspace import PACKAGES, ROOT, Package, load_toml

FOLDER = ROOT / ".github" / "workflows"
WORKFLOWS = sorted(FOLDER.glob("*.yml"))
PYTHONS = (ROOT / ".python-version").read_text().split()

each_package = pytest.mark.parametrize("package", PACKAGES, ids=lambda package: package.name)
each_workflow = pytest.mark.parametrize("file", WORKFLOWS, ids=lambda file: file.stem)


def load(file: Path) -> dict[Any, Any]:
    found: dict[Any, Any] = yaml.safe_load(file.read_text())
    return found


def jobs(file: Path) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = load(file)["jobs"]
    return found


def steps(file: Path) -> list[dict[str, Any]]:
    return [step for job in jobs(file).values() for step in job["steps"]]


def triggers(file: Path) -> dict[str, Any]:
    found: dict[str, Any] = load(file)[True]  # in YAML 1.1 the key `on` is a truth value
    return found


def test_there_are_two() -> None:
    assert [file.name for file in WORKFLOWS] == ["ci.yml", "publish.yml"]


@each_workflow
def test_commands_name_scripts_and_sessions_that_exist(file: Path) -> None:
    commands = [step["run"] for step in steps(file) if "run" in step]
    named = set().union(*map(named_in, commands))
    assert named
    assert named <= sessions()
    scripts = [command for command in commands if command.startswith(".")]
    assert [script for script in scripts if not os.access(ROOT / script, os.X_OK)] == []


@each_workflow
def test_actions_are_pinned_to_a_commit_and_say_of_which_version(file: Path) -> None:
    lines = re.findall(r"uses: (.*)", file.read_text())
    assert lines
    assert [line for line in lines if not re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", line)] == []


@each_workflow
def test_the_same_action_has_the_same_version_everywhere(file: Path) -> None:
    pins: dict[str, set[str]] = {}
    for other in WORKFLOWS:
        for step in steps(other):
            if "uses" in step:
                pins.setdefault(step["uses"].partition("@")[0], set()).add(step["uses"])
    assert [pin for pin in pins.values() if len(pin) > 1] == []


@each_workflow
def test_every_job_has_a_limit_of_time_and_no_more_rights_than_it_needs(file: Path) -> None:
    assert load(file)["permissions"] in ({}, {"contents": "read"})
    for name, job in jobs(file).items():
        assert job["timeout-minutes"] <= 90, name
        allowed = {"id-token"} if name == "publish" else {"contents"}
        assert set(job.get("permissions", {})) <= allowed, name


def test_continuous_integration_runs_the_script_that_everybody_runs_on_every_python() -> None:
    everything = jobs(FOLDER / "ci.yml")["everything"]
    (setup,) = (step for step in everything["steps"] if "setup-python" in step.get("uses", ""))
    assert setup["with"]["python-version"].split() == PYTHONS
    assert everything["steps"][-1] == {"run": ".ci/run"}


def test_every_package_is_tested_alone_on_every_python() -> None:
    alone = jobs(FOLDER / "ci.yml")["alone"]
    assert alone["strategy"]["matrix"]["python"] == PYTHONS
    assert alone["steps"][-1] == {"run": "nox -s alone"}


def test_every_package_is_published_by_its_own_tag_and_no_other() -> None:
    assert triggers(FOLDER / "publish.yml") == {"push": {"tags": sorted(f"{package.name}-v*" for package in PACKAGES)}}


@each_package
def test_the_archives_of_the_tagged_package_are_uploaded_and_no_other(package: Package, tmp_path: Path) -> None:
    (step,) = (step for step in steps(FOLDER / "publish.yml") if step.get("id") == "choose")
    (tmp_path / "dist").mkdir()
    for other in PACKAGES:
        for version in ("0.2.0", "0.2.1"):
            for kind in ("-py3-none-any.whl", ".tar.gz"):
                (tmp_path / "dist" / f"{other.import_name}-{version}{kind}").touch()
    given = {"TAG": f"{package.name}-v0.2.0", "GITHUB_OUTPUT": str(tmp_path / "output")}
    command = ["bash", "-e", "-o", "pipefail", "-c", step["run"]]
    subprocess.run(command, cwd=tmp_path, env=os.environ | given, check=True, timeout=20)
    uploaded = sorted(file.name for file in (tmp_path / "upload").iterdir())
    assert uploaded == [f"{package.import_name}-0.2.0-py3-none-any.whl", f"{package.import_name}-0.2.0.tar.gz"]
    assert (tmp_path / "output").read_text() == f"package={package.name}\n"


def test_the_job_that_uploads_has_no_sources_and_no_secrets() -> None:
    publish = jobs(FOLDER / "publish.yml")["publish"]
    assert publish["permissions"] == {"id-token": "write"}
    assert [step["uses"].partition("@")[0] for step in publish["steps"]] == [
        "actions/download-artifact",
        "pypa/gh-action-pypi-publish",
    ]
    assert "secrets." not in (FOLDER / "publish.yml").read_text()


def test_pre_commit_runs_the_versions_of_the_sessions() -> None:
    groups = load_toml(ROOT / "pyproject.toml")["dependency-groups"]
    (repository,) = load(ROOT / ".pre-commit-config.yaml")["repos"]
    assert repository["repo"] == "local"
    pinned = {hook["entry"].split()[0]: hook["additional_dependencies"] for hook in repository["hooks"]}
    of_sessions = {line.partition(">")[0]: [line] for line in groups["lint"] + groups["typing"]}
    assert pinned == {tool: of_sessions[tool] for tool in ("ruff", "mypy")}
