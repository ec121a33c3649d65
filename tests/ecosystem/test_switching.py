"""The lines of the page "Coming from asyncio or uvloop" are run as they stand there."""

from __future__ import annotations

import asyncio
import contextlib
import re
import subprocess
import sys
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import loop_selector
from loop_selector import SelectorEventLoop
from tests.ecosystem.support import library

PAGE = Path(__file__).parents[2] / "docs" / "coming-from-asyncio-or-uvloop.md"


def read_table() -> dict[str, str]:
    """Give the first piece of code of each row: program to line."""
    table = PAGE.read_text().partition("| program | line |")[2].partition("\n\n")[0]
    rows = re.findall(r"^\| ([^|]+) \| ([^|]+) \|$", table, re.MULTILINE)
    return {program: found[1] for program, text in rows if (found := re.search("`([^`]+)`", text))}


LINES = read_table()
CASES: dict[str, Callable[[str, Path], None]] = {}
Case = Callable[[str, Path], None]


def case(program: str) -> Callable[[Case], Case]:
    """Register what runs the line of a program."""

    def register(function: Case) -> Case:
        CASES[program] = function
        return function

    return register


class Seen:
    """Notes the loops on which something ran."""

    def __init__(self) -> None:
        self.loops: list[type] = []

    async def main(self, *_: object) -> None:
        self.loops.append(type(asyncio.get_running_loop()))

    def check(self) -> None:
        assert self.loops == [SelectorEventLoop]


class Refusing(Seen):
    """An ASGI application that ends its server as soon as that has started, on the loop that is noted."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        assert scope["type"] == "lifespan"
        await self.main()
        await receive()
        await send({"type": "lifespan.startup.failed", "message": "seen enough"})


def evaluate(line: str, **names: Any) -> Any:
    return eval(line, {"asyncio": asyncio, "loop_selector": loop_selector, **names})


@case("your own, Python 3.12 or newer")
def run_with_a_factory(line: str, folder: Path) -> None:
    if sys.version_info < (3, 12):
        pytest.skip("asyncio.run() takes no loop_factory on Python 3.11")
    seen = Seen()
    evaluate(line, main=seen.main)
    seen.check()


@case("your own, any Python")
@case("tornado")
def run_main(line: str, folder: Path) -> None:
    seen = Seen()
    evaluate(line, main=seen.main)
    seen.check()


@case("several runs in one loop")
def run_by_a_runner(line: str, folder: Path) -> None:
    seen = Seen()
    with evaluate(line) as runner:
        runner.run(seen.main())
        runner.run(seen.main())
    assert seen.loops == [SelectorEventLoop] * 2


@case("aiohttp's server")
def run_aiohttp(line: str, folder: Path) -> None:
    web, seen = library("aiohttp.web"), Seen()

    async def end(_: object) -> None:
        await seen.main()
        raise web.GracefulExit

    app = web.Application()
    app.on_startup.append(end)
    evaluate(line, web=web, app=app)
    seen.check()


@case("uvicorn (Starlette, and any other ASGI application)")
def run_uvicorn(line: str, folder: Path) -> None:
    library("uvicorn")
    program = "import asyncio\n\nasync def application(scope, receive, send):\n"
    body = "    print(type(asyncio.get_running_loop()))\n    await receive()\n"
    (folder / "application.py").write_text(f'{program}{body}    await send({{"type": "lifespan.startup.failed"}})\n')
    command = line.replace("application:app", "application:application").split()
    done = subprocess.run([sys.executable, "-m", *command], cwd=folder, capture_output=True, text=True, timeout=60)
    assert done.stdout == f"{SelectorEventLoop}\n", done.stderr


@case("gunicorn with uvicorn's worker")
def make_a_worker(line: str, folder: Path) -> None:
    library("gunicorn")
    worker = library("uvicorn_worker").UvicornWorker
    settings: dict[str, Any] = {}
    exec(line, settings)
    assert worker.CONFIG_KWARGS.keys() >= settings["CONFIG_KWARGS"].keys()
    assert line in (Path(__file__).parent / "test_gunicorn.py").read_text()  # which runs it


@case("hypercorn")
def run_hypercorn(line: str, folder: Path) -> None:
    app, errors = Refusing(), library("hypercorn.utils")
    hypercorn = types.SimpleNamespace(asyncio=library("hypercorn.asyncio"))
    with pytest.raises(BaseException) as caught:  # noqa: PT011 - a group on some versions of Python
        evaluate(line, hypercorn=hypercorn, app=app, config=library("hypercorn.config").Config())
    assert errors.LifespanFailureError.__name__ in repr(caught.value)
    app.check()


@case("Quart")
def run_quart(line: str, folder: Path) -> None:
    app, seen = library("quart").Quart("case"), Seen()

    async def end() -> None:
        await seen.main()
        raise RuntimeError("seen enough")

    app.before_serving(end)
    with pytest.raises(BaseException, match=r"seen enough|sub-exception"):
        evaluate(line, app=app)
    seen.check()


@case("Sanic")
def run_sanic(line: str, folder: Path) -> None:
    assert line in (Path(__file__).parent / "test_frameworks.py").read_text().replace("sock=listening, **secure", "")


@case("Twisted")
def install_a_reactor(line: str, folder: Path) -> None:
    library("twisted")
    program = f"import loop_selector\nfrom twisted.internet import asyncioreactor\n{line}\n"
    rest = "from twisted.internet import reactor\nprint(type(reactor._asyncioEventloop))\n"
    done = subprocess.run([sys.executable, "-c", program + rest], capture_output=True, text=True, timeout=60)
    assert done.stdout == f"{SelectorEventLoop}\n", done.stderr


@case("anyio")
def run_anyio(line: str, folder: Path) -> None:
    seen = Seen()
    evaluate(line, anyio=library("anyio"), main=seen.main)
    seen.check()


@case("pytest-asyncio")
def compare_the_hook(line: str, folder: Path) -> None:
    case = (Path(__file__).parent / "test_pytest_asyncio.py").read_text()  # which runs it
    parts = ("def pytest_asyncio_loop_factories(", 'return {"loop_selector": new_event_loop}')
    assert all(part in text for part in parts for text in (PAGE.read_text(), case))
    assert line == "conftest.py"


@case("aiosmtpd in a thread")
def control_aiosmtpd(line: str, folder: Path) -> None:
    controller = evaluate(line, Controller=library("aiosmtpd.controller").Controller, handler=object())
    assert type(controller.loop) is SelectorEventLoop
    controller.loop.close()


@case("prompt_toolkit")
def prompt(line: str, folder: Path) -> None:
    toolkit, seen = library("prompt_toolkit"), Seen()
    with library("prompt_toolkit.input").create_pipe_input() as typed:
        typed.send_text("line\n")
        session = toolkit.PromptSession(input=typed, output=library("prompt_toolkit.output").DummyOutput())
        session.app.after_render += lambda _: seen.loops.append(type(asyncio.get_running_loop()))
        assert evaluate(line, session=session) == "line"
    assert set(seen.loops) == {SelectorEventLoop}


@case("Dask")
def name_the_classes_of_dask(line: str, folder: Path) -> None:
    assert hasattr(library("distributed"), line)
    assert "run(main())" in (Path(__file__).parent / "test_distributed.py").read_text()  # which starts all of them


@case("a Jupyter kernel")
def set_the_loop_of_a_kernel(line: str, folder: Path) -> None:
    started = (Path(__file__).parent / "test_jupyter.py").read_text()
    assert line.replace("loop_selector.", "") in started  # which runs it
    evaluate(line)
    with contextlib.closing(asyncio.get_event_loop_policy().get_event_loop()) as loop:
        assert type(loop) is SelectorEventLoop
    asyncio.set_event_loop(None)


def test_every_row_of_the_page_has_a_case_and_every_case_a_row() -> None:
    assert set(LINES) == set(CASES)


@pytest.mark.parametrize("program", LINES)
def test_the_line_runs_on_our_loop(program: str, tmp_path: Path) -> None:
    CASES[program](LINES[program], tmp_path)


def test_the_policy_of_the_page_makes_our_loops() -> None:
    found = re.search(r"```python policy.py\n(.*?)```", PAGE.read_text(), re.DOTALL)
    assert found is not None
    program = found[1] + "\nasync def main():\n    print(type(asyncio.get_running_loop()))\n\nasyncio.run(main())\n"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert done.stdout == f"{SelectorEventLoop}\n", done.stderr
