"""What commands print with: results to stdout, everything else to stderr."""

from __future__ import annotations

import sys
from datetime import UTC, datetime

from rich.console import Console
from rich.table import Table

_STATUS_STYLES = (
    ("FAILED", "red"),
    ("ROLLBACK", "yellow"),
    ("IN_PROGRESS", "cyan"),
    ("COMPLETE", "green"),
    ("ACTIVE", "green"),
    ("SKIPPED", "dim"),
)


# Where nobody looks at a terminal, lines stay whole for the program that reads them.
_WIDTH_ELSEWHERE = 400


def results() -> Console:
    width = None if sys.stdout.isatty() else _WIDTH_ELSEWHERE
    return Console(highlight=False, soft_wrap=True, width=width)


def notes() -> Console:
    return Console(stderr=True, highlight=False, soft_wrap=True)


def table(*columns: str, title: str = "") -> Table:
    made = Table(title=title or None, title_justify="left", title_style="bold", box=None)
    for column in columns:
        made.add_column(column, header_style="dim", overflow="fold")
    return made


def status(word: str) -> str:
    """A state of a stack, resource or table in its colour."""
    for part, style in _STATUS_STYLES:
        if part in word:
            return f"[{style}]{word}[/]"
    return word


def local_time(when: datetime | float) -> str:
    """A moment in this machine's time zone, to the second."""
    moment = when if isinstance(when, datetime) else datetime.fromtimestamp(when, UTC)
    return moment.astimezone().strftime("%Y-%m-%d %H:%M:%S")
