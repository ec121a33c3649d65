"""What every example needs to be a program: arguments, Ctrl-C, and errors that say what to do."""

from __future__ import annotations

import argparse
import errno
import os
import sys
import tempfile
from typing import TYPE_CHECKING, Any

import loop_selector

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

__all__ = ["arguments", "port_number", "run"]


def port_number(text: str) -> int:
    """Read a port from the command line; 0 lets the system choose one."""
    port = int(text)
    if not 0 <= port <= 65535:
        raise argparse.ArgumentTypeError(f"a port is a number from 0 to 65535, not {text}")
    return port


def arguments(doc: str | None, *names: str) -> argparse.ArgumentParser:
    """Make the parser of an example: its description, and those of the common options that it has.

    Args:
        doc: the module's docstring.
        names: ``host``, ``port``, ``path`` or ``message``.
    """
    options: dict[str, dict[str, Any]] = {
        "host": {"default": "127.0.0.1", "help": "name or address (%(default)s)"},
        "port": {"default": 8888, "type": port_number, "help": "0 to 65535 (%(default)s)"},
        "path": {"default": f"{tempfile.gettempdir()}/transport-examples.sock", "help": "of the socket (%(default)s)"},
        "message": {"default": "Hello, world!", "help": "the text to be echoed (%(default)s)"},
    }
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in names:
        parser.add_argument(f"--{name}", **options[name])
    return parser


def run(main: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Run a program on our loop; end it cleanly on Ctrl-C, and with one clear line when the network refuses.

    Exits with 1 after an error of the network or a missing transport, with 130 after Ctrl-C.
    """
    try:
        loop_selector.run(main())
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        sys.exit(130)
    except (OSError, loop_selector.MissingTransportError) as exc:
        sys.exit(f"error: {_explain(exc)}")


def _explain(exc: Exception) -> str:
    number = exc.errno if isinstance(exc, OSError) else None
    advice = {
        errno.EADDRINUSE: "something listens there already; choose another --port or --path",
        errno.ECONNREFUSED: "nobody listens there; start the server first",
        errno.ENOENT: "nothing is there; start the server first",
    }
    text = str(exc) or (os.strerror(number) if number else type(exc).__name__)
    return f"{text} ({advice[number]})" if number in advice else text
