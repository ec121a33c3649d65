"""What every example needs to be a program: arguments, Ctrl-C, and errors that say what to do."""

from __future__ import annotations

import argparse
import dataclasses
import errno
import os
import sys
import tempfile
from typing import TYPE_CHECKING, Any, TypeVar

import loop_selector

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

__all__ = ["add_options", "arguments", "chosen_options", "port_number", "run"]

OptionsT = TypeVar("OptionsT")


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
    formatter = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(prog=_command(), description=doc, formatter_class=formatter)
    for name in names:
        parser.add_argument(f"--{name}", **options[name])
    return parser


def _command() -> str | None:
    """Say how this program was started, which is not by the path of its file."""
    spec = getattr(sys.modules["__main__"], "__spec__", None)
    return f"python -m {spec.name}" if spec else None


def _positive(kind: type[Any]) -> Callable[[str], Any]:
    def read(text: str) -> Any:
        number = kind(text)
        if not 0 < number < float("inf"):
            raise argparse.ArgumentTypeError(f"expected a number over 0, got {text}")
        return number

    read.__name__ = "number"  # argparse says 'invalid number value'
    return read


def add_options(parser: argparse.ArgumentParser, options: type[Any]) -> None:
    """Add an option for each field of a dataclass; each is a number over 0 and has a default."""
    group = parser.add_argument_group(options.__name__.lower(), options.__doc__)
    for field in dataclasses.fields(options):
        read = _positive(type(field.default))
        group.add_argument(f"--{field.name}", type=read, default=field.default, metavar="N", help="%(default)s")


def chosen_options(args: argparse.Namespace, options: type[OptionsT]) -> OptionsT:
    """Make the dataclass of ``add_options`` from what was given on the command line."""
    return options(**{name: getattr(args, name) for name in vars(options())})


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
