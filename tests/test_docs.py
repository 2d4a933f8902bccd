"""The documents say what the code does."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest
import typer.main

from freehold.cli import commands
from freehold.config import Config

ROOT = Path(__file__).resolve().parents[1]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("examples/**/*.md")])


def test_the_reference_is_what_the_code_says() -> None:
    """script/reference writes settings, commands and operations from the code."""
    done = subprocess.run(
        [sys.executable, "script/reference", "--check"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_every_setting_is_documented() -> None:
    """In the table, and in its class's docstring, from which the table is written."""
    table = (ROOT / "docs/reference/settings.md").read_text()
    for name in msgspec.structs.fields(Config):
        assert f"`FREEHOLD_{name.name.upper()}`" in table


def test_every_command_is_documented() -> None:
    """In the reference and in the changelog that brought it."""
    reference = (ROOT / "docs/reference/commands.md").read_text()
    changelog = (ROOT / "CHANGELOG.md").read_text()
    for name in typer.main.get_command(commands.app).commands:  # type: ignore[attr-defined]
        assert f"## {name}\n" in reference
        assert f"`{name}`" in changelog


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(path: Path) -> None:
    """A link to a file of the repository has to be one."""
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", path.read_text()):
        if not target.startswith("http"):
            assert (path.parent / target).exists(), target


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_commands_in_documents_exist(path: Path) -> None:
    """`freehold xyz` in a document must be a command, and script/xyz a script."""
    known = set(typer.main.get_command(commands.app).commands)  # type: ignore[attr-defined]
    blocks = "\n".join(re.findall(r"^ {4}.*$|`[^`\n]+`", path.read_text(), re.MULTILINE))
    assert set(re.findall(r"\bfreehold ([a-z]+)\b", blocks)) <= known
    for name in re.findall(r"\bscript/([a-z]+)\b", blocks):
        assert (ROOT / "script" / name).is_file(), name
