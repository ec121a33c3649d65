"""The command line: ``python -m loop_selector doctor``."""

from __future__ import annotations

import argparse
import json
import sys

from loop_selector import __version__
from loop_selector._doctor import examine, is_healthy, render


def main(arguments: list[str] | None = None) -> int:
    """Run a command and return the exit code: 0, or 1 if something is broken."""
    parser = argparse.ArgumentParser(prog="python -m loop_selector", description="An asyncio event loop.")
    parser.add_argument("--version", action="version", version=f"loop-selector {__version__}")
    commands = parser.add_subparsers(dest="command", required=True)
    doctor = commands.add_parser("doctor", help="print the transports that are installed, and what is wrong with them")
    doctor.add_argument("--json", action="store_true", help="print the findings as JSON")
    options = parser.parse_args(arguments)
    findings = examine()
    print(json.dumps(findings, indent=2) if options.json else render(findings))
    return 0 if is_healthy(findings) else 1


if __name__ == "__main__":
    sys.exit(main())
