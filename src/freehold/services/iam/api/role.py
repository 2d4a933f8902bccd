"""Roles, their trust policies, and roles that belong to services."""

from __future__ import annotations

from typing import Any

import msgspec

from freehold.kernel.call import Call
from freehold.kernel.service import Params
from freehold.services.iam import access, errors, find, granting, pages, rules, store, trust, views
from freehold.services.iam.nouns import ROLE
from freehold.services.iam.records import Role
from freehold.services.iam.service import service

SESSION_S_DEFAULT = 3600


@service.operation("CreateRole", access=access.on_new_role)
def create_role(call: Call, params: Params) -> dict[str, Any]:
    path = params.get("Path", "/")
    if path.startswith(rules.SERVICE_LINKED_PATH):
        raise errors.validation(f"The path {path} is reserved for service-linked roles.")
    document = params["AssumeRolePolicyDocument"]
    rules.check_trust_policy(document)
    role = Role(
        name=params["RoleName"],
        id=ROLE.id_prefix + call.new_word(17, rules.ID_ALPHABET),
        path=path,
        created_at=call.now,
        tags=rules.tags(params.get("Tags", ())),
        trust=document,
        trusted_ids=trust.named_ids(call.tx, document),
        description=params.get("Description"),
        session_s_max=params.get("MaxSessionDuration", SESSION_S_DEFAULT),
    )
    grants = granting.create_entity(call, ROLE, role, params.get("PermissionsBoundary"), {})
    return {"Role": views.created_role(call.account, role, grants)}


@service.operation("GetRole", reads=True, access=access.on_role)
def get_role(call: Call, params: Params) -> dict[str, Any]:
    role = find.role(call, params)
    shown = msgspec.structs.replace(role, trust=trust.current(call.tx, role))
    return {"Role": views.role(call.account, shown, find.grants(call, role.id))}


@service.operation("ListRoles", reads=True, access=access.on_account)
def list_roles(call: Call, params: Params) -> dict[str, Any]:
    prefix = params.get("PathPrefix", "/")
    found = store.list_entities(call.tx, call.scope, "role", pages.after(params))
    rows = ((key, role) for key, role in found if role.path.startswith(prefix))
    roles, more = pages.cut(rows, params)
    return {"Roles": [views.role_in_list(call.account, role) for role in roles], **more}


@service.operation("UpdateRole", access=access.on_role)
def update_role(call: Call, params: Params) -> dict[str, Any]:
    role = _changeable(call, params)
    changed = msgspec.structs.replace(
        role,
        description=params.get("Description", role.description),
        session_s_max=params.get("MaxSessionDuration", SESSION_S_DEFAULT),
    )
    store.save_entity(call.tx, call.scope, "role", changed)
    return {}


@service.operation("UpdateRoleDescription", access=access.on_role)
def update_role_description(call: Call, params: Params) -> dict[str, Any]:
    role = find.role(call, params)
    changed = msgspec.structs.replace(role, description=params["Description"])
    store.save_entity(call.tx, call.scope, "role", changed)
    return {"Role": views.role(call.account, changed, find.grants(call, role.id))}


@service.operation("UpdateAssumeRolePolicy", access=access.on_role)
def update_assume_role_policy(call: Call, params: Params) -> None:
    role = _changeable(call, params)
    document = params["PolicyDocument"]
    rules.check_trust_policy(document)
    ids = trust.named_ids(call.tx, document)
    changed = msgspec.structs.replace(role, trust=document, trusted_ids=ids)
    store.save_entity(call.tx, call.scope, "role", changed)


@service.operation("DeleteRole", access=access.on_role)
def delete_role(call: Call, params: Params) -> None:
    role = _changeable(call, params)
    if next(store.list_role_profiles(call.tx, call.scope, role.name), None) is not None:
        raise errors.must_first("remove roles from instance profile")
    granting.delete_entity(call, ROLE, role)


@service.operation("CreateServiceLinkedRole", access=access.on_new_linked_role)
def create_service_linked_role(call: Call, params: Params) -> dict[str, Any]:
    """Its policies are not known here, so it grants nothing: what runs it here needs no grant."""
    service_name = params["AWSServiceName"]
    path, name = rules.service_linked_role(service_name, params.get("CustomSuffix"))
    if store.load_role(call.tx, call.scope, name) is not None:
        raise errors.invalid_input(
            f"Service role name {name} has been taken in this account, "
            "please try a different suffix."
        )
    role = Role(
        name=name,
        id=ROLE.id_prefix + call.new_word(17, rules.ID_ALPHABET),
        path=path,
        created_at=call.now,
        trust=rules.service_trust(service_name),
        description=params.get("Description"),
        linked_service=service_name,
    )
    grants = granting.create_entity(call, ROLE, role, None, {})
    return {"Role": views.created_role(call.account, role, grants)}


@service.operation("DeleteServiceLinkedRole", access=access.on_role)
def delete_service_linked_role(call: Call, params: Params) -> dict[str, Any]:
    """At once: nothing here holds on to such a role."""
    role = find.role(call, params)
    if not role.linked_service:
        raise errors.invalid_input(f"{role.name} is not a service-linked role.")
    granting.delete_entity(call, ROLE, role)
    task = f"task/aws-service-role/{role.linked_service}/{role.name}/{call.new_id()}"
    return {"DeletionTaskId": task}


def _on_task_role(call: Call, params: Params) -> Any:
    return access.on_role(call, {"RoleName": _task_role(params)})


@service.operation("GetServiceLinkedRoleDeletionStatus", reads=True, access=_on_task_role)
def get_service_linked_role_deletion_status(call: Call, params: Params) -> dict[str, Any]:
    name = _task_role(params)
    if store.load_role(call.tx, call.scope, name) is not None:
        raise errors.entity_not_found("Deletion task", params["DeletionTaskId"])
    return {"Status": "SUCCEEDED"}


def _task_role(params: Params) -> str:
    parts = params["DeletionTaskId"].split("/")
    if len(parts) != 5 or parts[:2] != ["task", "aws-service-role"]:
        raise errors.invalid_input(f"{params['DeletionTaskId']} is not a deletion task.")
    return str(parts[3])


def _changeable(call: Call, params: Params) -> Role:
    found = find.changeable_entity(call, params, ROLE)
    assert isinstance(found, Role)
    return found
