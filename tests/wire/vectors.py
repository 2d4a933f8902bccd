"""botocore's protocol vectors, which its source distribution carries; script/setup fetches them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

DIRECTORY = Path(__file__).resolve().parents[2] / ".cache" / "botocore" / "protocols"


def cases(kind: str) -> Iterator[tuple[str, dict[str, Any], dict[str, Any]]]:
    """Yield (id, suite, case) of the "input" or "output" vectors; nothing where they are not there."""
    for path in sorted(DIRECTORY.glob(f"{kind}/*.json")):
        for suite in json.loads(path.read_text()):
            for case in suite["cases"]:
                yield f"{path.stem}-{case['id']}", suite, case
