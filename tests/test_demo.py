"""script/demo: the example application, deployed and used as its users do."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def test_the_demo_shows_what_it_promises() -> None:
    """Every step checks what came of it, so the demo is a test of the whole product."""
    done = subprocess.run(
        [sys.executable, "script/tour.py", "--once"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=180,
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "The to-do list is at  http://" in done.stdout
