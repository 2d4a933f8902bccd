"""parity.toml against botocore's model and the code."""

from __future__ import annotations

from botocore.session import get_session

from freehold.services.cloudformation import service


def test_every_operation_of_the_model_is_in_exactly_one_list() -> None:
    model = get_session().get_service_model("cloudformation")
    parity = service.parity
    lists = (parity.implemented, parity.refused, frozenset(parity.partial))
    assert sorted(name for listed in lists for name in listed) == sorted(model.operation_names)
    assert set(service.operations) == parity.implemented | set(parity.partial)


def test_refused_parameters_are_parameters() -> None:
    model = get_session().get_service_model("cloudformation")
    for operation, paths in service.parity.partial.items():
        members = model.operation_model(operation).input_shape.members
        assert set(paths) <= set(members), operation
