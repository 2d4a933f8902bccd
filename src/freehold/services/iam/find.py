"""What a request names, or the error that there is no such thing."""

from __future__ import annotations

from freehold.kernel.call import Call
from freehold.kernel.service import Params
from freehold.services.iam import aws_managed, errors, rules, store
from freehold.services.iam.nouns import GROUP, ROLE, USER, Noun
from freehold.services.iam.records import Entity, Grants, Group, InstanceProfile, Policy, Role, User


def entity(call: Call, params: Params, noun: Noun) -> Entity:
    name = params[noun.parameter]
    found = store.load_entity(call.tx, call.scope, noun.kind, name)
    if found is None:
        raise errors.entity_not_found(noun.title, name)
    return found


def changeable_entity(call: Call, params: Params, noun: Noun) -> Entity:
    """The same, but not a role that belongs to a service."""
    found = entity(call, params, noun)
    if isinstance(found, Role) and found.linked_service:
        raise errors.protected_role(found.name)
    return found


def user(call: Call, params: Params) -> User:
    found = entity(call, params, USER)
    assert isinstance(found, User)
    return found


def group(call: Call, params: Params) -> Group:
    found = entity(call, params, GROUP)
    assert isinstance(found, Group)
    return found


def role(call: Call, params: Params) -> Role:
    found = entity(call, params, ROLE)
    assert isinstance(found, Role)
    return found


def own_user_name(call: Call, params: Params) -> str:
    """The user that the request names, or else the one who makes it."""
    if "UserName" in params:
        return str(params["UserName"])
    if call.principal.kind != "user":
        raise errors.user_name_needed()
    return call.principal.name


def grants(call: Call, entity_id: str) -> Grants:
    found = store.load_grants(call.tx, call.scope, entity_id)
    assert found is not None, entity_id
    return found


def policy(call: Call, arn: str) -> Policy:
    """A managed policy of the customer's."""
    found = store.load_policy(call.tx, call.scope, rules.policy_name(arn))
    if found is None or rules.policy_arn(call.account, found) != arn:
        raise errors.policy_not_found(arn)
    return found


def attachable_policy(call: Call, arn: str) -> None:
    """Check that a managed policy of this ARN can be attached: the customer's or AWS's."""
    rules.policy_name(arn)
    if rules.is_aws_policy(arn):
        attachable = aws_managed.find(arn) is not None
    else:
        attachable = store.load_document(call.tx, call.scope, arn) is not None
    if not attachable:
        raise errors.policy_not_attachable(arn)


def instance_profile(call: Call, params: Params) -> InstanceProfile:
    name = params["InstanceProfileName"]
    found = store.load_instance_profile(call.tx, call.scope, name)
    if found is None:
        raise errors.instance_profile_not_found(name)
    return found
