"""parity.toml against the code and the model."""

from __future__ import annotations

import botocore.session

from freehold.services.dynamodb import service


def test_every_operation_of_the_model_is_in_exactly_one_list() -> None:
    model = botocore.session.get_session().get_service_model("dynamodb")
    parity = service.parity
    lists = [*parity.implemented, *parity.refused, *parity.partial]
    assert sorted(lists) == sorted(model.operation_names)
    assert set(service.operations) == parity.implemented | set(parity.partial)
