"""Run the checks over TCP and UDP of one or several loops, and print what came out.

The exit code is 1 if a check failed that no known fault explains, or if a known fault is gone.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib
import sys
import warnings
from typing import TYPE_CHECKING, Any

from transport_abc.testing._datagrams import datagram_checks
from transport_abc.testing._plugin_checks import plugin_checks
from transport_abc.testing._readiness_checks import readiness_checks
from transport_abc.testing._runner import Result, matrix, run_checks, to_json
from transport_abc.testing._streams import stream_checks
from transport_abc.testing._subject_makers import tcp_of_loop, udp_of_loop
from transport_abc.testing._subjects import implementation_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from transport_abc.testing._check import Check

__all__ = ["main"]


def _loop_factory(name: str) -> Callable[[], asyncio.AbstractEventLoop]:
    """Import ``module:callable``."""
    module, _, function = name.partition(":")
    try:
        factory: Callable[[], asyncio.AbstractEventLoop] = getattr(
            importlib.import_module(module), function or "new_event_loop"
        )
    except (ImportError, AttributeError) as exc:
        raise argparse.ArgumentTypeError(f"expected module:callable, got {name!r}: {exc}") from exc
    return factory


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m transport_abc.testing", description=(__doc__ or "").strip())
    parser.add_argument(
        "--loop",
        action="append",
        type=_loop_factory,
        metavar="MODULE:CALLABLE",
        help="what makes the loop, such as uvloop:new_event_loop; may be given several times; asyncio by default",
    )
    parser.add_argument("--kind", choices=["tcp", "udp"], default="tcp", help="tcp (the default) or udp")
    parser.add_argument("--match", default="", metavar="TEXT", help="only checks whose name contains this")
    parser.add_argument("--debug", action="store_true", help="run the loops in debug mode")
    parser.add_argument("--rules", action="store_true", help="print the rules that are checked, and run nothing")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    return parser.parse_args(argv)


def _results(options: argparse.Namespace, factory: Callable[[], asyncio.AbstractEventLoop]) -> tuple[str, list[Result]]:
    loop = factory()
    name = implementation_of(loop)
    loop.close()
    if options.kind == "tcp":
        streams = [check for check in stream_checks() if options.match in check.name]
        return name, run_checks(streams, tcp_of_loop(name), loop_factory=factory, debug=options.debug)
    datagrams = [check for check in datagram_checks() if options.match in check.name]
    return name, run_checks(datagrams, udp_of_loop(name), loop_factory=factory, debug=options.debug)


def _rules(match: str) -> str:
    """List every check, kind by kind."""
    kinds: dict[str, Sequence[Check[Any]]] = {
        "Streams": stream_checks(),
        "Datagrams": datagram_checks(),
        "Loops": readiness_checks(),
        "Plug-ins": plugin_checks(),
    }
    lines: list[str] = []
    for kind, checks in kinds.items():
        lines += ["", kind, "", *(f"{check}: {check.rule}" for check in checks if match in check.name)]
    return "\n".join(lines[1:])


def main(argv: Sequence[str] | None = None) -> int:
    """Run the program and return its exit code."""
    options = _arguments(argv)
    if options.rules:
        print(_rules(options.match))
        return 0
    warnings.simplefilter("ignore", ResourceWarning)  # what faulty transports leave is not news here
    results = dict(_results(options, factory) for factory in options.loop or [asyncio.new_event_loop])
    print(to_json(results) if options.json else matrix(results))
    return 0 if all(result.ok for row in results.values() for result in row) else 1


if __name__ == "__main__":
    sys.exit(main())
