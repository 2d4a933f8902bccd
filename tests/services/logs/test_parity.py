"""The parity.toml of CloudWatch Logs and of Lambda against the code and botocore's models."""

from __future__ import annotations

import botocore.session
import pytest

from freehold.kernel.service import Service
from freehold.services.lambda_ import service as lambda_service
from freehold.services.logs import service as logs_service

# Members that came with botocore 1.44; older models know nothing of them.
YOUNG_MEMBERS = {"RuntimeConfig", "AcceleratorConfig"}


@pytest.mark.parametrize("service", [logs_service, lambda_service], ids=lambda s: s.name)
def test_every_operation_is_listed_once_and_is_what_the_code_has(service: Service) -> None:
    """What an older model lacks may be refused already: models grow with botocore's versions."""
    parity = service.parity
    listed = [*parity.implemented, *parity.refused, *parity.partial]
    model = botocore.session.get_session().get_service_model(service.name)
    assert len(listed) == len(set(listed))
    assert set(model.operation_names) <= set(listed)
    assert set(service.operations) == parity.implemented | set(parity.partial)
    assert set(service.operations) <= set(model.operation_names)


@pytest.mark.parametrize("service", [logs_service, lambda_service], ids=lambda s: s.name)
def test_refused_parameters_are_members_of_the_model(service: Service) -> None:
    model = botocore.session.get_session().get_service_model(service.name)
    for operation, paths in service.parity.partial.items():
        for path in set(paths) - YOUNG_MEMBERS:
            shape = model.operation_model(operation).input_shape
            for name in path.split("."):
                while shape.type_name == "list":
                    shape = shape.member
                assert name in shape.members, f"{operation} has no {path}"
                shape = shape.members[name]
