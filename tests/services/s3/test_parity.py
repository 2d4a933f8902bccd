"""parity.toml names every operation of the model once, and what the code has."""

from __future__ import annotations

import botocore.session

from freehold.services.s3 import service


def test_every_operation_is_in_exactly_one_list() -> None:
    """DESIGN.md, section 8."""
    model = botocore.session.Session().get_service_model("s3")
    parity = service.parity
    partial = frozenset(parity.partial)
    everything = [*parity.implemented, *parity.refused, *partial]
    assert sorted(everything) == sorted(model.operation_names)
    assert set(service.operations) == parity.implemented | partial


def test_partial_parameters_are_in_the_model() -> None:
    model = botocore.session.Session().get_service_model("s3")
    for operation, paths in service.parity.partial.items():
        for path in paths:
            shape = model.operation_model(operation).input_shape
            for name in path.split("."):
                while shape.type_name == "list":
                    shape = shape.member
                assert name in shape.members, f"{operation}: {path}"
                shape = shape.members[name]
