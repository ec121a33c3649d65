"""Run a client against a server over every transport that is installed, and show what went over which."""

from __future__ import annotations

import argparse
import ast
import json
import pkgutil
import sys
from importlib.util import find_spec
from pathlib import Path

import loop_selector
import transport_examples
from transport_examples import _table
from transport_examples._demonstrations import DEMONSTRATIONS, Outcome, demonstrate

COLOURS = {"ok": "green", "failed": "bold red", "not installed": "yellow"}


def parser() -> argparse.ArgumentParser:
    """Make the command line's parser."""
    made = argparse.ArgumentParser(
        prog="python -m transport_examples",
        description=__doc__,
        epilog="Each example also runs by itself: python -m transport_examples list",
    )
    made.add_argument(
        "command", nargs="?", choices=["run", "list"], default="run", help="run all (the default), or list the examples"
    )
    made.add_argument("--message", default="Hello, world!", help="the text to be echoed (%(default)s)")
    made.add_argument("--json", action="store_true", help="print the outcomes, or the list, as JSON")
    return made


def summaries() -> dict[str, str]:
    """Map the command of each example to the first sentence of its docstring, without importing it."""
    names = [module.name for module in pkgutil.iter_modules(transport_examples.__path__) if module.name[0] != "_"]
    found = {}
    for name in names:
        spec = find_spec(f"transport_examples.{name}")
        source = Path(spec.origin).read_text() if spec and spec.origin else ""
        doc = ast.get_docstring(ast.parse(source)) or ""
        found[f"python -m transport_examples.{name}"] = doc.partition("\n")[0]
    return found


def list_examples(as_json: bool) -> None:
    """Print how each example is started, and what it is."""
    found = summaries()
    if as_json:
        print(json.dumps([{"command": command, "summary": text} for command, text in found.items()], indent=2))
        return
    for command, text in found.items():
        print(f"{command}\n    {text}")


async def run_all(message: bytes) -> list[Outcome]:
    """Run the demonstrations one after the other."""
    return [await demonstrate(demonstration, message) for demonstration in DEMONSTRATIONS]


def show(outcomes: list[Outcome]) -> None:
    """Print the outcomes as a table."""
    heads = ["transport", "example", "state", "ms", "echoed"]
    rows = [[o.transport or "-", o.what, o.state, f"{o.milliseconds:.2f}", o.detail] for o in outcomes]
    _table.show(heads, rows, COLOURS)


def main() -> None:
    """Run from the command line; exits with 1 if a transport that is installed failed."""
    args = parser().parse_args()
    if args.command == "list":
        list_examples(args.json)
        return
    try:
        outcomes = loop_selector.run(run_all(args.message.encode()))
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        sys.exit(130)
    if args.json:
        print(json.dumps([outcome.as_dict() for outcome in outcomes], indent=2))
    else:
        show(outcomes)
    sys.exit(any(outcome.state == "failed" for outcome in outcomes))


if __name__ == "__main__":
    main()
