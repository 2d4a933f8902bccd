"""Who runs a resource type."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from freehold.kernel.errors import not_implemented
from freehold.kernel.node import Node
from freehold.services.cloudformation import errors
from freehold.services.cloudformation.template import schema

CUSTOM_RESOURCE = "AWS::CloudFormation::CustomResource"

# Where the service is not simply named as the type's middle word.
_SERVICES = {
    "ApplicationAutoScaling": "application-autoscaling",
    "AutoScaling": "autoscaling",
    "CDK": "cloudformation",
    "CertificateManager": "acm",
    "Cognito": "cognito-idp",
    "ElasticLoadBalancingV2": "elbv2",
    "KinesisFirehose": "firehose",
    "OpenSearchService": "opensearch",
    "ServiceDiscovery": "servicediscovery",
    "StepFunctions": "stepfunctions",
}


def handler_of(node: Node, type_name: str) -> tuple[str, Any] | None:
    """(service, the class that it registered) for a type; None if nobody runs it."""
    if type_name.startswith("Custom::"):
        type_name = CUSTOM_RESOURCE
    parts = type_name.split("::")
    if len(parts) != 3:
        return None
    name = _SERVICES.get(parts[1], parts[1].lower())
    if parts[1] == "Cognito" and parts[2].startswith("IdentityPool"):
        name = "cognito-identity"
    if name not in node.service_names:
        return None
    found = node.service(name).resource_types.get(type_name)
    return None if found is None else (name, found)


def check_types(node: Node, type_names: Iterable[str]) -> None:
    """Refuse types that AWS does not have, and those that nobody here runs, all by name."""
    missing = sorted({name for name in type_names if handler_of(node, name) is None})
    unknown = [name for name in missing if not schema.exists(name)]
    if unknown:
        raise errors.template_format(f"Unrecognized resource types: [{', '.join(unknown)}]")
    if missing:
        raise not_implemented(f"the resource types [{', '.join(missing)}]")
