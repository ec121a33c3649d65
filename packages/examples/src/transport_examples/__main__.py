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
from transport_examples._demonstrations import DEMONSTRATIONS, Outcome, demonstrate


def parser() -> argparse.ArgumentParser:
    """Make the command line's parser."""
    made = argparse.ArgumentParser(prog="python -m transport_examples", description=__doc__)
    made.add_argument("command", nargs="?", choices=["run", "list"], default="run", help="list: name the examples")
    made.add_argument("--message", default="Hello, world!", help="the text to be echoed (%(default)s)")
    made.add_argument("--json", action="store_true", help="print the outcomes as JSON")
    return made


def summaries() -> list[tuple[str, str]]:
    """Return the name of each example with the first sentence of its docstring, without importing it."""
    names = [module.name for module in pkgutil.iter_modules(transport_examples.__path__) if module.name[0] != "_"]
    found = []
    for name in names:
        spec = find_spec(f"transport_examples.{name}")
        source = Path(spec.origin).read_text() if spec and spec.origin else ""
        found.append((name, (ast.get_docstring(ast.parse(source)) or "").partition("\n")[0]))
    return found


async def run_all(message: bytes) -> list[Outcome]:
    """Run the demonstrations one after the other."""
    return [await demonstrate(demonstration, message) for demonstration in DEMONSTRATIONS]


def table(outcomes: list[Outcome]) -> str:
    """Lay the outcomes out in columns."""
    rows = [("transport", "example", "state", "ms", "what went over it")]
    rows += [(o.transport, o.what, o.state, f"{o.milliseconds:.2f}", o.detail) for o in outcomes]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join("  ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)).rstrip() for row in rows)


def main() -> None:
    """Run from the command line; exits with 1 if a transport that is installed failed."""
    args = parser().parse_args()
    if args.command == "list":
        for name, summary in summaries():
            print(f"python -m transport_examples.{name}\n    {summary}")
        return
    try:
        outcomes = loop_selector.run(run_all(args.message.encode()))
    except KeyboardInterrupt:
        sys.exit(130)
    print(json.dumps([outcome.as_dict() for outcome in outcomes], indent=2) if args.json else table(outcomes))
    sys.exit(any(outcome.state == "failed" for outcome in outcomes))


if __name__ == "__main__":
    main()
