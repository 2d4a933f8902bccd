"""Runs the AWS::Serverless transform in a process of its own, which ends with it: the translator
takes a second and a hundred megabytes to import, and neither belongs into the node.

A program, not a module of the package: it imports nothing of it. Reads {"template", "parameters"}
as JSON from its input; writes {"template"} or {"error"}.
"""

from __future__ import annotations

import json
import sys
from typing import Any


def main() -> None:
    request = json.load(sys.stdin)
    json.dump(transform(request["template"], request["parameters"]), sys.stdout)


def transform(template: dict[str, Any], parameters: dict[str, Any]) -> dict[str, Any]:
    from samtranslator.model.exceptions import InvalidDocumentException
    from samtranslator.translator.transform import transform as translate

    try:
        translated = translate(template, parameters, _NoOtherPolicies(), passthrough_metadata=True)
    except InvalidDocumentException as error:
        causes = "\n".join(sorted(cause.message for cause in error.causes))
        return {"error": f"{error.message} {causes}".strip()}
    return {"template": translated}


class _NoOtherPolicies:
    """The translator has the names of AWS's managed policies with it, and asks here for others."""

    def load(self) -> dict[str, str]:
        return {}


if __name__ == "__main__":
    main()
