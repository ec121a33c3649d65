"""Every check of this repository as a session; the only place that knows how the packages are installed.

Packages that must work together are installed editable in one command, so that they satisfy each
other and the index is never asked for them. Packages that must work alone are installed from their
built wheels, with nothing but ``dist/`` to choose from.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import zipfile
from pathlib import Path

import nox

nox.needs_version = ">=2025.2.9"
nox.options.default_venv_backend = "uv|virtualenv"
nox.options.reuse_venv = "yes"
nox.options.download_python = "never"
nox.options.error_on_missing_interpreters = False
nox.options.sessions = ["lint", "typing", "tests"]

ROOT = Path(__file__).parent
DIST = ROOT / "dist"
COMPILED = ROOT / "dist-compiled"
"""A folder for each Python, with the wheels that are compiled for it."""
GROUPS = nox.project.load_toml(ROOT / "pyproject.toml")
PYTHONS = ["3.11", "3.12", "3.13"]
if sys.version_info[:2] > (3, 13):  # a machine with nothing but a newer Python must not pass without a test
    PYTHONS.append(f"{sys.version_info.major}.{sys.version_info.minor}")
PACKAGES = {
    nox.project.load_toml(file)["project"]["name"]: str(file.parent.relative_to(ROOT))
    for file in sorted(ROOT.glob("packages/*/pyproject.toml"))
}
"""Distribution name to folder."""


def find_pyenv_pythons() -> None:
    """Put pyenv's interpreters before its shims on PATH: a shim fails for a version that is not activated."""
    versions = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    folders = [str(found / "bin") for python in PYTHONS for found in versions.glob(f"{python}.*[0-9]")]
    os.environ["PATH"] = os.pathsep.join([*folders, os.environ["PATH"]])


find_pyenv_pythons()


def import_name(package: str) -> str:
    return package.replace("-", "_")


def version(package: str) -> str:
    """Read the version that hatch writes into the package."""
    text = (ROOT / PACKAGES[package] / "src" / import_name(package) / "__init__.py").read_text()
    return text.partition('__version__ = "')[2].partition('"')[0]


def group(name: str) -> list[str]:
    """Look up a dependency group of the root ``pyproject.toml``."""
    return list(nox.project.dependency_groups(GROUPS, name))


def with_extras(folder: str) -> str:
    """Name a package with everything that it can use."""
    extras = nox.project.load_toml(ROOT / folder / "pyproject.toml")["project"].get("optional-dependencies", {})
    return f"{folder}[all]" if "all" in extras else folder


def install_all(session: nox.Session, *groups: str) -> None:
    """Install every package editable, in one command, and the tools of some groups."""
    session.install(*group("backend"), *(tool for name in groups for tool in group(name)))
    editable = [part for folder in PACKAGES.values() for part in ("-e", with_extras(folder))]
    session.install("--no-build-isolation", *editable)


@nox.session
def echo(session: nox.Session) -> None:
    """Run a client against a server over every transport, and print what went over which."""
    install_all(session)
    session.run("python", "-m", "transport_examples", *session.posargs)


@nox.session(python=PYTHONS)
def tests(session: nox.Session) -> None:
    """Run the tests with all packages installed, on every Python that is found."""
    install_all(session, "test")
    session.run("pytest", "-n", "auto", *session.posargs)


@nox.session
def coverage(session: nox.Session) -> None:
    """Run the tests on one Python and print which lines they did not reach."""
    install_all(session, "test", "coverage")
    session.run("coverage", "erase")
    session.run("coverage", "run", "-m", "pytest", *session.posargs)
    session.run("coverage", "combine")
    session.run("coverage", "report")


@nox.session
def lint(session: nox.Session) -> None:
    """Check style and formatting; ``-- --fix`` repairs what can be repaired."""
    session.install(*group("lint"))
    fix = "--fix" in session.posargs
    session.run("ruff", "check", *(["--fix"] if fix else []), ".")
    session.run("ruff", "format", *([] if fix else ["--check"]), ".")


@nox.session
def typing(session: nox.Session) -> None:
    """Check the types of packages, tests and the code on pages with mypy, of the packages with pyright too."""
    install_all(session, "test", "typing")
    python = str(Path(session.bin) / "python")
    session.run("mypy", *session.posargs)
    examples = Path(session.create_tmp(), "examples")
    shutil.rmtree(examples, ignore_errors=True)
    session.run("python", "-m", "tests.docs.blocks", str(examples))
    session.run("mypy", "--explicit-package-bases", str(examples), env={"MYPYPATH": str(examples)})
    session.run("basedpyright", "--level", "error", "--pythonpath", python)


@nox.session(requires=["build"], reuse_venv=False)
def user_types(session: nox.Session) -> None:
    """See the types as users do: the wheel of transport-abc alone, then the loop's too, and strict type checkers."""
    python = str(Path(session.bin) / "python")
    session.install(*group("test"), *group("typing"))
    for package in ("transport-abc", "loop-selector"):
        session.install("--no-index", "--find-links", str(DIST), package)
        session.run("pytest", "tests/typing", "-k", f"beside_{import_name(package)}", *session.posargs)
    session.run("basedpyright", "--pythonpath", python, "--ignoreexternal", "--verifytypes", "transport_abc")


@nox.session
def build(session: nox.Session) -> None:
    """Build every package's sdist, and its wheel from that, into an empty ``dist/``; check the metadata."""
    session.install(*group("backend"), *group("build"))
    shutil.rmtree(DIST, ignore_errors=True)
    for folder in PACKAGES.values():
        session.run("python", "-m", "build", "--no-isolation", "--outdir", str(DIST), folder, silent=True)
    session.run("twine", "check", "--strict", *map(str, sorted(DIST.iterdir())))


@nox.session(python=PYTHONS, requires=["build"])
def isolated(session: nox.Session) -> None:
    """Install each sensible combination of our wheels, and nothing else; see what works there and what is missed.

    The session holds the test tools only. The environments that are looked at are made by the tests, for one run.
    """
    session.install(*group("test"), *group("isolation"))
    session.run("pytest", "-n", "auto", *(session.posargs or ["tests/isolation"]))


@nox.session(requires=["build"])
def alone(session: nox.Session) -> None:
    """Run each package's tests, out of its source archive, against its wheel and declared dependencies only."""
    session.install(*group("test"), *group("isolation"))
    session.run("python", "-m", "tests.isolation.suites", *session.posargs)


@nox.session(name="release-check", requires=["build"])
def release_check(session: nox.Session) -> None:
    """Check that what is in ``dist/`` can be released; ``-- PACKAGE-vVERSION`` checks it for that tag."""
    session.install(*group("backend"), *group("test"), *group("release"))
    session.run("pytest", "-n", "auto", "tests/release", *(f"--tag={tag}" for tag in session.posargs))


@nox.session(python=PYTHONS)
def conformance(session: nox.Session) -> None:
    """Run CPython's own tests of asyncio, those of the interpreter in use, on the loop."""
    install_all(session)
    # 5: the interpreter comes without its test package, and the run says how to get it.
    session.run("python", "-m", "tests.conformance.cpython", *session.posargs, success_codes=[0, 5])


def compile_loop(session: nox.Session) -> Path:
    """Build the compiled wheel of the loop from its source archive, with tools that the session itself does not get."""
    wheels = COMPILED / str(session.python)
    shutil.rmtree(wheels, ignore_errors=True)
    # Not in nox's temporary folder: that would be the tests' too, and too long a path for Unix sockets.
    builder = str(Path(session.virtualenv.location, "builder"))
    session.run("python", "-m", "venv", "--clear", "--without-pip", builder)
    pip = ("python", "-m", "pip", "--quiet", "--python", builder)
    session.run(*pip, "install", *group("backend"), *group("compiled"))
    session.run(*pip, "install", "--no-index", "--find-links", str(DIST), "transport-abc")
    source = str(DIST / f"loop_selector-{version('loop-selector')}.tar.gz")
    options = ("--no-deps", "--no-build-isolation", "--no-index", "--wheel-dir", str(wheels))
    session.run(*pip, "wheel", *options, source, env={"HATCH_BUILD_HOOK_ENABLE_CUSTOM": "true"})
    return next(wheels.glob("*.whl"))


@nox.session(python=PYTHONS, requires=["build"], reuse_venv=False)
def compiled(session: nox.Session) -> None:
    """Compile what can be compiled, and run all tests, CPython's too, on that; needs a C compiler."""
    if shutil.which(os.environ.get("CC", "cc")) is None:
        session.skip("no C compiler was found; install one, or name it in CC")
    session.install(*group("isolation"))
    wheel = compile_loop(session)
    session.install("--no-index", "--find-links", str(wheel.parent), "--find-links", str(DIST), *PACKAGES)
    session.install(*group("backend"), *group("test"))
    with zipfile.ZipFile(wheel) as archive:
        modules = {name.partition(".")[0].replace("/", ".") for name in archive.namelist() if name.endswith(".so")}
    found = json.loads(str(session.run("python", "-m", "loop_selector", "doctor", "--json", silent=True)))
    if not found["compiled"] or set(found["compiled"]) != {name for name in modules if not name.endswith("__mypyc")}:
        session.error(f"expected the compiled modules of {wheel.name} to be in use, found {found['compiled']}")
    session.run("pytest", "-n", "auto", *session.posargs)
    if not session.posargs:
        session.run("python", "-m", "tests.conformance.cpython", success_codes=[0, 5])


@nox.session
def bench(session: nox.Session) -> None:
    """Measure what a request costs on each event loop; ``-- --help`` says what can be chosen."""
    install_all(session, "bench")
    session.run("python", "-m", "benchmarks", *session.posargs)


@nox.session
def changelog(session: nox.Session) -> None:
    """Show what each package's next release would say; ``-- PACKAGE`` writes it for its present version."""
    session.install(*group("changelog"))
    for package in session.posargs or PACKAGES:
        where = ["--dir", PACKAGES[package], "--name", package, "--version", version(package)]
        how = "--yes" if session.posargs else "--draft"
        session.run("towncrier", "build", "--config", "pyproject.toml", *where, how)


def run_ecosystem(session: nox.Session, *args: str) -> None:
    """Install the libraries, and one that is needed in an older version too apart from them; run the cases."""
    install_all(session, "test")
    session.install("-r", "tests/ecosystem/requirements.txt", *(tool for tool in group("typing") if "mypy" in tool))
    older = str(Path(session.virtualenv.location, "older"))
    session.install("--no-deps", "--upgrade", "--target", older, "-r", "tests/ecosystem/requirements-older.txt")
    # One case starts pytest-asyncio in a run of its own; in this one it must not touch the loops of the others.
    # A file's cases share the servers that it starts. Some start a dozen of processes, which takes a busy machine long.
    options = ("-p", "no:asyncio", "-n", "auto", "--dist", "loadfile", "--timeout", "240")
    session.run("pytest", *options, *args, env={"ECOSYSTEM_OLDER": older})


@nox.session(python=PYTHONS)
def ecosystem(session: nox.Session) -> None:
    """Run real libraries and servers on the loop; what is not installed on this machine is skipped and named."""
    run_ecosystem(session, *(session.posargs or ["tests/ecosystem"]))


@nox.session(python=next((python for python in ("3.13", "3.12") if shutil.which(f"python{python}")), "3.11"))
def libraries(session: nox.Session) -> None:
    """Run the part of `ecosystem` that needs no server, on one Python."""
    run_ecosystem(session, "-m", "not server", *(session.posargs or ["tests/ecosystem"]))


@nox.session
def docs(session: nox.Session) -> None:
    """Build the documentation, with every warning an error, and look for public names that it does not have."""
    install_all(session, "test", "docs")
    html = ROOT / "docs" / "_build" / "html"
    options = ["--fail-on-warning", "--keep-going", "--nitpicky", "--fresh-env", "--jobs", "auto"]
    session.run("sphinx-build", *options, "docs", str(html), *session.posargs)
    session.run("pytest", "tests/docs/test_reference.py", env={"DOCUMENTATION": str(html)})
