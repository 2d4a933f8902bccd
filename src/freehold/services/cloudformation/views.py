"""Records as the API shows them."""

from __future__ import annotations

from typing import Any

from freehold.services.cloudformation.progress import NO_ECHO
from freehold.services.cloudformation.records import ChangeSet, Event, Resource, Revision, Stack

_NOT_CHECKED = {"StackDriftStatus": "NOT_CHECKED"}
_RESOURCE_NOT_CHECKED = {"StackResourceDriftStatus": "NOT_CHECKED"}


def stack(found: Stack) -> dict[str, Any]:
    shown = {
        **_stack(found),
        "Parameters": parameters(found.revision),
        "DisableRollback": found.disable_rollback,
        "NotificationARNs": [],
        "RollbackConfiguration": {},
        "TimeoutInMinutes": found.timeout_minutes,
        "Capabilities": found.revision.capabilities,
        "Outputs": [
            {
                "OutputKey": output.name,
                "OutputValue": output.value,
                "Description": output.description or None,
                "ExportName": output.export or None,
            }
            for output in found.outputs
        ],
        "Description": found.revision.description or None,
        "Tags": tags(found.revision),
        "EnableTerminationProtection": found.termination_protection,
        "ChangeSetId": found.change_set_arn or None,
        "RoleARN": found.revision.role_arn or None,
        "RetainExceptOnCreate": found.retain_except_on_create or None,
    }
    return {
        key: [_present(member) for member in value] if key == "Outputs" else value
        for key, value in _present(shown).items()
    }


def stack_summary(found: Stack) -> dict[str, Any]:
    return _present({**_stack(found), "TemplateDescription": found.revision.description or None})


def _stack(found: Stack) -> dict[str, Any]:
    return {
        "StackId": found.arn,
        "StackName": found.name,
        "CreationTime": found.created_at,
        "LastUpdatedTime": found.updated_at,
        "DeletionTime": found.deleted_at,
        "StackStatus": found.status,
        "StackStatusReason": found.status_reason or None,
        "ParentId": found.parent_arn or None,
        "RootId": found.root_arn or None,
        "DriftInformation": _NOT_CHECKED,
    }


def parameters(revision: Revision) -> list[dict[str, Any]]:
    shown = []
    for name, given in revision.parameters.items():
        value = NO_ECHO if given.no_echo else given.value
        parameter = {"ParameterKey": name, "ParameterValue": value}
        if given.resolved is not None:
            parameter["ResolvedValue"] = NO_ECHO if given.no_echo else given.resolved
        shown.append(parameter)
    return shown


def tags(revision: Revision) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in revision.tags.items()]


def event(stack: Stack, found: Event) -> dict[str, Any]:
    return _present(
        {
            "StackId": stack.arn,
            "EventId": found.id,
            "StackName": stack.name,
            "LogicalResourceId": found.logical_id,
            "PhysicalResourceId": found.physical_id,
            "ResourceType": found.type,
            "Timestamp": found.at,
            "ResourceStatus": found.status,
            "ResourceStatusReason": found.reason or None,
            "ResourceProperties": found.properties or None,
            "ClientRequestToken": found.token or None,
        }
    )


def resource(stack: Stack, found: Resource) -> dict[str, Any]:
    return _present(
        {
            "StackName": stack.name,
            "StackId": stack.arn,
            **_resource(found),
            "Timestamp": found.updated_at,
            "Description": found.description or None,
        }
    )


def resource_summary(found: Resource) -> dict[str, Any]:
    return _present({**_resource(found), "LastUpdatedTimestamp": found.updated_at})


def resource_detail(stack: Stack, found: Resource, metadata: str) -> dict[str, Any]:
    return _present(
        {
            "StackName": stack.name,
            "StackId": stack.arn,
            **_resource(found),
            "LastUpdatedTimestamp": found.updated_at,
            "Description": found.description or None,
            "Metadata": metadata,
        }
    )


def _resource(found: Resource) -> dict[str, Any]:
    return {
        "LogicalResourceId": found.logical_id,
        "PhysicalResourceId": found.physical_id or None,
        "ResourceType": found.type,
        "ResourceStatus": found.status,
        "ResourceStatusReason": found.status_reason or None,
        "DriftInformation": _RESOURCE_NOT_CHECKED,
    }


def change_set_summary(found: ChangeSet) -> dict[str, Any]:
    return _present(_change_set(found))


def change_set(found: ChangeSet, changes: list[dict[str, Any]]) -> dict[str, Any]:
    return _present(
        {
            **_change_set(found),
            "Parameters": parameters(found.revision),
            "NotificationARNs": [],
            "RollbackConfiguration": {},
            "Capabilities": found.revision.capabilities,
            "Tags": tags(found.revision),
            "Changes": changes,
            "OnStackFailure": found.on_stack_failure or None,
        }
    )


def change_without_values(change: dict[str, Any]) -> dict[str, Any]:
    resource = {k: v for k, v in change["ResourceChange"].items() if not k.endswith("Context")}
    resource["Details"] = [
        {
            **detail,
            "Target": {k: v for k, v in detail["Target"].items() if k not in _VALUE_MEMBERS},
        }
        for detail in resource["Details"]
    ]
    return {**change, "ResourceChange": resource}


_VALUE_MEMBERS = ("Path", "BeforeValue", "AfterValue", "AttributeChangeType")


def _change_set(found: ChangeSet) -> dict[str, Any]:
    return {
        "ChangeSetName": found.name,
        "ChangeSetId": found.arn,
        "StackId": found.stack_arn,
        "StackName": found.stack_name,
        "Description": found.description or None,
        "CreationTime": found.created_at,
        "ExecutionStatus": found.execution_status,
        "Status": found.status,
        "StatusReason": found.status_reason or None,
        "IncludeNestedStacks": False,
        "ImportExistingResources": False,
    }


def _present(shown: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in shown.items() if value is not None}
