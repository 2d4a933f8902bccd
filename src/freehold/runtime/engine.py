"""The runtime of a node: the part that services use (`call.node.part(Runtime)`)."""

from __future__ import annotations

from pathlib import Path

from freehold.runtime.contract import FunctionSpec, Interpreter, Invocation, Outcome


class Runtime:
    """Environments of all functions, within the memory of the machine."""

    async def invoke(self, spec: FunctionSpec, invocation: Invocation) -> Outcome:
        """Run one event, in a warm environment if one is free. RuntimeUnavailable if it cannot be run."""
        raise NotImplementedError

    def interpreter(self, runtime: str) -> Interpreter:
        """What would run functions of this runtime; RuntimeUnavailable if nothing can."""
        raise NotImplementedError

    def inspect(self, archive: Path) -> int:
        """The unzipped size of a code archive in bytes; CodeRefused if it may not be unpacked."""
        raise NotImplementedError

    async def forget(self, function_arn: str) -> None:
        """End the idle environments of a function that was changed or deleted."""
        raise NotImplementedError
