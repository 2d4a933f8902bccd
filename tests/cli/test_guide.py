"""The first guide, followed to the letter."""

from __future__ import annotations

import json
import re
import textwrap
import urllib.request
from collections.abc import Callable
from pathlib import Path

from tests.cli.conftest import Typed

GUIDE = Path(__file__).resolve().parents[2] / "docs/guides/first-application.md"


def test_the_first_application_works_as_written(
    freehold: Callable[..., Typed], tmp_path: Path
) -> None:
    """A guide that does not work is worse than none."""
    for name in ("template.yaml", "src/hello.py"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(_file_in_guide(name))
    deployed = freehold("deploy", tmp_path / "template.yaml", "--stack-name", "hello")
    assert deployed.status == 0, deployed.err
    address = deployed.out.partition("here: ")[2].split()[0]
    for visits in (1, 2):
        with urllib.request.urlopen(address) as answer:
            assert json.loads(answer.read()) == {"hello": "you", "visits": visits}
    event = '{"pathParameters": {"name": "me"}}'
    assert event in GUIDE.read_text()
    invoked = freehold("invoke", "Hello", "--payload", event)
    assert json.loads(json.loads(invoked.out)["body"]) == {"hello": "me", "visits": 1}
    assert "REPORT" in freehold("logs", "Hello").out
    assert freehold("delete", "--stack-name", "hello").status == 0


def _file_in_guide(name: str) -> str:
    """The indented block that follows the file's name."""
    found = re.search(
        rf"^`{re.escape(name)}`:\n\n((?:    .*\n|\n)+)", GUIDE.read_text(), re.MULTILINE
    )
    assert found, name
    return textwrap.dedent(found[1])
