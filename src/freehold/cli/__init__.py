"""What people type."""

from __future__ import annotations

import sys


def main() -> None:
    """The entry point. `up` is found without loading what only the other commands need."""
    arguments = sys.argv[1:]
    if arguments[:1] == ["up"]:
        from freehold.cli.up import up

        sys.exit(up(arguments[1:]))
    from freehold.cli.commands import run

    sys.exit(run(arguments))
