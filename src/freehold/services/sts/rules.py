"""What STS decides by itself: how long, with which tags, narrowed by which policies."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from freehold.kernel.policy import document as policy_document
from freehold.kernel.principal import Principal, TrustedRole
from freehold.services.sts import errors

ROLE_SESSION_S_DEFAULT = 3600
CHAINED_SESSION_S_MAX = 3600
TOKEN_S_DEFAULT = 43200
ROOT_TOKEN_S_MAX = 3600
SESSION_POLICY_CHARS_MAX = 2048
PACKED_BYTES_MAX = 2048

ID_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
SECRET_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"  # noqa: S105
# Allows an action that nobody asks for; a denial would also undo what resource policies grant.
_NOTHING = (
    '{"Version":"2012-10-17","Statement":'
    '[{"Effect":"Allow","Action":"sts:Nothing","Resource":"arn:aws:sts:::nothing"}]}'
)
KEY_ID_LETTERS = 16
SECRET_LETTERS = 40
# 128 letters of 6 bits: nobody guesses it, and it is a fraction of what clients have to carry for
# AWS.
TOKEN_LETTERS = 128


def role_session_s(params: Mapping[str, Any], role: TrustedRole, caller: Principal) -> int:
    """How long a role's session lasts. One that is assumed from another role's session: an hour."""
    duration_s: int = params.get("DurationSeconds", ROLE_SESSION_S_DEFAULT)
    if caller.kind == "role" and duration_s > CHAINED_SESSION_S_MAX:
        raise errors.longer_than_chaining_allows()
    if duration_s > role.session_s_max:
        raise errors.longer_than_role_allows()
    return duration_s


def token_s(params: Mapping[str, Any], caller: Principal) -> int:
    """How long GetSessionToken's and GetFederationToken's last; for root users, an
    hour."""
    duration_s: int = params.get("DurationSeconds", TOKEN_S_DEFAULT)
    return min(duration_s, ROOT_TOKEN_S_MAX) if caller.kind == "root" else duration_s


def role_session(
    role: TrustedRole,
    session_name: str,
    *,
    policies: Iterable[str],
    tags: Mapping[str, str],
    now: float,
) -> Principal:
    """Who one is with a role's credentials. A session's tag hides the role's of the same key."""
    hidden = {key.lower() for key in tags}
    kept = {key: value for key, value in role.tags.items() if key.lower() not in hidden}
    return Principal(
        kind="role",
        account=role.account,
        arn=f"arn:aws:sts::{role.account}:assumed-role/{role.name}/{session_name}",
        id=f"{role.id}:{session_name}",
        name=role.name,
        role_arn=role.arn,
        session_policies=tuple(policies),
        tags={**kept, **tags},
        token_issued_at=now,
    )


def user_session(caller: Principal, now: float) -> Principal:
    return msgspec.structs.replace(caller, token_issued_at=now)


def federated_session(
    caller: Principal,
    name: str,
    *,
    policies: list[str],
    tags: Mapping[str, str],
    now: float,
) -> Principal:
    """The user in another's name. Without policies of its own, such a session may do nothing.

    The id goes on with the user's, so that the directory finds what he is granted.
    """
    return Principal(
        kind="user",
        account=caller.account,
        arn=federated_arn(caller.account, name),
        id=f"{caller.id}:{name}",
        session_policies=tuple(policies) or (_NOTHING,),
        tags=tags,
        token_issued_at=now,
    )


def federated_arn(account: str, name: str) -> str:
    return f"arn:aws:sts::{account}:federated-user/{name}"


def is_federated(principal: Principal) -> bool:
    return principal.arn.startswith(federated_arn(principal.account, ""))


def user_id(principal: Principal) -> str:
    """A principal's id as GetCallerIdentity tells it: a federated user's is under his account."""
    if is_federated(principal):
        return f"{principal.account}:{principal.id.partition(':')[2]}"
    return principal.id


def session_tags(listed: Iterable[Mapping[str, str]]) -> dict[str, str]:
    found: dict[str, str] = {}
    seen: set[str] = set()
    for tag in listed:
        key = tag["Key"]
        if key.lower() in seen:
            raise errors.duplicate_tags()
        if key.lower().startswith("aws:"):
            raise errors.reserved_tag(key)
        seen.add(key.lower())
        found[key] = tag["Value"]
    return found


def check_session_policy(document: str) -> None:
    """A session's policy is an identity policy: it says what, and not who."""
    try:
        policy_document.parse(document, "identity")
    except policy_document.PolicyError as error:
        raise errors.malformed_policy(str(error)) from error


def packed_percent(params: Mapping[str, Any]) -> int | None:
    """How much of the room for session policies and tags is taken, or None where there are none.

    AWS does not say how it packs them; compressing them is as near as one can come.
    """
    policy = params.get("Policy", "")
    arns = [each["arn"] for each in params.get("PolicyArns", ())]
    tags = [f"{tag['Key']}={tag['Value']}" for tag in params.get("Tags", ())]
    if not (policy or arns or tags):
        return None
    plain_chars = len(policy) + sum(map(len, arns))
    packed = len(zlib.compress("\n".join((policy, *arns, *tags)).encode()))
    percent = max(1, 100 * packed // PACKED_BYTES_MAX)
    if percent > 100 or plain_chars > SESSION_POLICY_CHARS_MAX:
        raise errors.packed_policy_too_large(max(percent, 100 * plain_chars // PACKED_BYTES_MAX))
    return percent
