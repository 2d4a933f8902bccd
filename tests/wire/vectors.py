"""botocore's protocol vectors, which its source distribution carries; script/setup fetches them."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from freehold.wire.model import Model

DIRECTORY = Path(__file__).resolve().parents[2] / ".cache" / "botocore" / "protocols"


class Vector(NamedTuple):
    id: str
    suite: dict[str, Any]
    case: dict[str, Any]

    @property
    def name(self) -> str:
        """The vector's own name; older vectors have none, and are named by their place in the file."""
        return self.case.get("id", self.id)


def vectors(kind: str) -> Iterator[Vector]:
    """Yield the "input" or "output" vectors, older ones last; nothing where they are not there."""
    for path in sorted(DIRECTORY.glob(f"{kind}/*.json")):
        for suite in json.loads(path.read_text()):
            for case in suite["cases"]:
                yield Vector(f"{path.stem}-{case['id']}", suite, case)
    for path in sorted(DIRECTORY.glob(f"legacy/{kind}/*.json")):
        for number, suite in enumerate(json.loads(path.read_text())):
            for index, case in enumerate(suite["cases"]):
                yield Vector(f"legacy-{path.stem}-{number}.{index}", suite, case)


def model_of(vector: Vector) -> Model:
    """A model of the vector's one operation."""
    operation = copy.deepcopy(vector.case["given"])
    operation.setdefault("http", {"method": "POST", "requestUri": "/"})
    metadata = {"serviceId": "vectors", **vector.suite["metadata"]}
    is_current = "id" in vector.case
    if metadata["protocol"] == "query" and is_current and "output" in operation:
        # Real models name the wrapper; these vectors leave it out, and botocore's own runner adds it.
        operation["output"].setdefault("resultWrapper", f"{operation['name']}Result")
    document = {
        "metadata": metadata,
        "shapes": vector.suite["shapes"],
        "operations": {operation["name"]: operation},
    }
    return Model("vectors", document)
