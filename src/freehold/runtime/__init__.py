"""Running functions. The Lambda service says what to run; how and where is decided here.

    runtime = call.node.part(Runtime)
    outcome = await runtime.invoke(spec, Invocation(request_id=call.request_id, payload=b"{}"))

An execution environment serves one invocation at a time and is reused for later ones with an equal spec.
"""

from freehold.runtime.contract import (
    CodeRefused,
    FunctionSpec,
    Host,
    Invocation,
    Outcome,
    RuntimeUnavailable,
)

__all__ = [
    "CodeRefused",
    "FunctionSpec",
    "Host",
    "Invocation",
    "Outcome",
    "RuntimeUnavailable",
]
