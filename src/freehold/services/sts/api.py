"""STS's operations."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from freehold.kernel import arn as arns
from freehold.kernel import authorize
from freehold.kernel.call import Call
from freehold.kernel.errors import not_implemented
from freehold.kernel.principal import Credential, Principal, TrustedRole
from freehold.kernel.service import Access, Params
from freehold.services.sts import errors, rules
from freehold.services.sts.service import service


def _anybody(call: Call, params: Params) -> tuple[Access, ...]:
    """No policy is asked, not even one that denies ("No permissions are required", STS
    reference)."""
    return ()


@service.operation("GetCallerIdentity", reads=True, access=_anybody)
def get_caller_identity(call: Call, params: Params) -> dict[str, Any]:
    caller = call.principal
    return {"UserId": rules.user_id(caller), "Account": caller.account, "Arn": caller.arn}


@service.operation("GetAccessKeyInfo", reads=True)
def get_access_key_info(call: Call, params: Params) -> dict[str, Any]:
    """Of keys that are in use here; AWS reads the account from the key itself."""
    key_id = params["AccessKeyId"]
    credential = call.node.directory.credential(call.tx, key_id)
    if credential is None:
        raise errors.validation(f"Invalid access key id {key_id}")
    return {"Account": credential.principal.account}


def _to_assume(call: Call, params: Params) -> tuple[Access, ...]:
    """The role's trust policy has to allow it; the caller's own, unless the trust names him
    himself."""
    if call.principal.kind == "root":
        raise errors.root_assumes()
    if rules.is_federated(call.principal):
        raise errors.session_calls("AssumeRole")
    arn = params["RoleArn"]
    role = call.node.directory.role(call.tx, _checked_role_arn(arn))
    if role is None:
        raise errors.not_authorized(call.principal.arn, "sts:AssumeRole", arn)
    context = _assume_context(params, role)
    for action in ("sts:AssumeRole", *(["sts:TagSession"] if params.get("Tags") else [])):
        access = Access(
            action=action,
            resource=arn,
            policy=role.trust,
            policy_required=True,
            owner=role.account,
            context=context,
        )
        # Said without the reason that others get: it would tell that the role exists.
        if not authorize.decide(call, access).allowed:
            raise errors.not_authorized(call.principal.arn, action, arn)
    return ()


@service.operation("AssumeRole", access=_to_assume)
def assume_role(call: Call, params: Params) -> dict[str, Any]:
    role = call.node.directory.role(call.tx, params["RoleArn"])
    assert role is not None, "the access rule found it"
    duration_s = rules.role_session_s(params, role, call.principal)
    percent = rules.packed_percent(params)
    session = rules.role_session(
        role,
        params["RoleSessionName"],
        policies=_session_policies(call, params, role.account),
        tags=rules.session_tags(params.get("Tags", ())),
        now=call.now,
    )
    return {
        "Credentials": _issue(call, session, duration_s),
        "AssumedRoleUser": {"AssumedRoleId": session.id, "Arn": session.arn},
        "PackedPolicySize": percent,
    }


@service.operation("GetSessionToken", access=_anybody)
def get_session_token(call: Call, params: Params) -> dict[str, Any]:
    """The same user again, for a while; IAM takes such credentials only with MFA."""
    caller = call.principal
    if caller.kind not in ("user", "root") or caller.token_issued_at is not None:
        raise errors.session_calls("GetSessionToken")
    session = rules.user_session(caller, call.now)
    return {"Credentials": _issue(call, session, rules.token_s(params, caller))}


def _to_federate(call: Call, params: Params) -> tuple[Access, ...]:
    arn = rules.federated_arn(call.account, params["Name"])
    tags = params.get("Tags", ())
    context = _tag_context(tags)
    actions = ("sts:GetFederationToken", *(["sts:TagSession"] if tags else []))
    return tuple(Access(action=action, resource=arn, context=context) for action in actions)


@service.operation("GetFederationToken", access=_to_federate)
def get_federation_token(call: Call, params: Params) -> dict[str, Any]:
    """Somebody who may do what both the calling user and the session's policies allow."""
    caller = call.principal
    if caller.kind == "root":
        raise not_implemented("GetFederationToken for root users")
    if caller.kind != "user" or caller.token_issued_at is not None:
        raise errors.session_calls("GetFederationToken")
    percent = rules.packed_percent(params)
    session = rules.federated_session(
        caller,
        params["Name"],
        policies=_session_policies(call, params, caller.account),
        tags=rules.session_tags(params.get("Tags", ())),
        now=call.now,
    )
    return {
        "Credentials": _issue(call, session, rules.token_s(params, caller)),
        "FederatedUser": {"FederatedUserId": rules.user_id(session), "Arn": session.arn},
        "PackedPolicySize": percent,
    }


def _checked_role_arn(text: str) -> str:
    try:
        arn = arns.parse(text)
    except ValueError as error:
        raise errors.role_arn_invalid(text) from error
    if arn.service != "iam" or not arn.resource.startswith("role/"):
        raise errors.role_arn_invalid(text)
    return text


def _assume_context(params: Params, role: TrustedRole) -> dict[str, list[str]]:
    context = {"sts:rolesessionname": [params["RoleSessionName"]]}
    if "ExternalId" in params:
        context["sts:externalid"] = [params["ExternalId"]]
    if "DurationSeconds" in params:
        context["sts:durationseconds"] = [str(params["DurationSeconds"])]
    context.update(_tag_context(params.get("Tags", ())))
    for key, value in role.tags.items():
        context[f"aws:resourcetag/{key.lower()}"] = [value]
        context[f"iam:resourcetag/{key.lower()}"] = [value]
    return context


def _tag_context(tags: Iterable[Mapping[str, str]]) -> dict[str, list[str]]:
    context = {f"aws:requesttag/{tag['Key'].lower()}": [tag["Value"]] for tag in tags}
    if context:
        context["aws:tagkeys"] = [tag["Key"] for tag in tags]
    return context


def _session_policies(call: Call, params: Params, account: str) -> list[str]:
    policies = []
    if "Policy" in params:
        rules.check_session_policy(params["Policy"])
        policies.append(params["Policy"])
    for each in params.get("PolicyArns", ()):
        document = call.node.directory.managed_policy(call.tx, account, each["arn"])
        if document is None:
            raise errors.validation(f"The policy {each['arn']} does not exist.")
        policies.append(document)
    return policies


def _issue(call: Call, who: Principal, duration_s: int) -> dict[str, Any]:
    """Make a temporary credential, keep it, and say it as STS does."""
    credential = Credential(
        access_key_id="ASIA" + call.new_word(rules.KEY_ID_LETTERS, rules.ID_ALPHABET),
        secret=call.new_word(rules.SECRET_LETTERS, rules.SECRET_ALPHABET),
        principal=who,
        session_token=call.new_word(rules.TOKEN_LETTERS, rules.SECRET_ALPHABET),
        expires_at=float(int(call.now) + duration_s),
    )
    call.node.directory.issue(call.tx, credential, call.now)
    return {
        "AccessKeyId": credential.access_key_id,
        "SecretAccessKey": credential.secret,
        "SessionToken": credential.session_token,
        "Expiration": credential.expires_at,
    }
