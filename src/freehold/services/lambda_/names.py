"""The names of functions: every form in which Lambda takes them, and their ARNs."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

import msgspec

from freehold.kernel.call import Call
from freehold.kernel.errors import AwsError
from freehold.kernel.service import Access
from freehold.kv.keys import Scope
from freehold.services.lambda_ import errors
from freehold.services.lambda_.records import LATEST

Params = dict[str, Any]

NAME_CHARS_MAX = 64

_NAME = re.compile(
    r"(?:arn:aws[a-zA-Z-]*:lambda:)?(?:([a-z]{2}(?:-[a-z]+)+-\d):)?(?:(\d{12}):)?(?:function:)?"
    r"([a-zA-Z0-9_-]+)(?::(\$LATEST|[a-zA-Z0-9_-]+))?"
)
_LAYER = re.compile(
    r"arn:aws[a-zA-Z-]*:lambda:([a-z0-9-]+):(\d{12}):layer:([a-zA-Z0-9_-]+)(?::(\d+))?"
)


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """A function as a request names it. `qualifier` is "" where none is given."""

    account: str
    region: str
    name: str
    qualifier: str = ""

    @property
    def scope(self) -> Scope:
        return Scope(self.account, self.region)

    @property
    def function_arn(self) -> str:
        return function_arn(self.account, self.region, self.name)

    @property
    def arn(self) -> str:
        """With the qualifier, where one is given."""
        return function_arn(self.account, self.region, self.name, self.qualifier)


def function_arn(account: str, region: str, name: str, qualifier: str = "") -> str:
    arn = f"arn:aws:lambda:{region}:{account}:function:{name}"
    return f"{arn}:{qualifier}" if qualifier else arn


def target(call: Call, params: Params) -> Target:
    """The function that FunctionName and Qualifier name."""
    return parse(call, params["FunctionName"], params.get("Qualifier", ""))


def parse(call: Call, text: str, qualifier: str = "") -> Target:
    return _parsed(call.account, call.region, text, qualifier)


@lru_cache(maxsize=4096)
def _parsed(account_here: str, region_here: str, text: str, qualifier: str) -> Target:
    found = _NAME.fullmatch(text)
    if found is None:
        raise errors.invalid(f"Invalid function name: {text}")
    region, account, name, named_qualifier = found.groups()
    if len(name) > NAME_CHARS_MAX:
        raise errors.validation(
            f"Value '{name}' at 'functionName' failed to satisfy constraint: Member must have "
            f"length less than or equal to {NAME_CHARS_MAX}"
        )
    if region is not None and region != region_here:
        raise errors.elsewhere(region, region_here)
    if named_qualifier and qualifier and named_qualifier != qualifier:
        raise errors.invalid(
            "The derived qualifier from the function name does not match the specified qualifier."
        )
    return Target(
        account=account or account_here,
        region=region_here,
        name=name,
        qualifier=named_qualifier or qualifier,
    )


def unqualified(call: Call, params: Params) -> Target:
    """The function of an operation on $LATEST, which no qualifier may narrow."""
    found = target(call, params)
    if found.qualifier not in ("", LATEST):
        raise errors.invalid(
            f"This operation is permitted on $LATEST and not on other qualifiers: {found.qualifier}"
        )
    return msgspec.structs.replace(found, qualifier="")


def on_function(action: str) -> Any:
    """An access rule: this action on the function, with the qualifier where one is given."""

    def rule(call: Call, params: Params) -> tuple[Access, ...]:
        found = target(call, params)
        return (Access(action=f"lambda:{action}", resource=found.arn, owner=found.account),)

    return rule


class LayerTarget(msgspec.Struct, frozen=True, kw_only=True):
    account: str
    region: str
    name: str
    number: int = 0

    @property
    def scope(self) -> Scope:
        return Scope(self.account, self.region)

    @property
    def layer_arn(self) -> str:
        return f"arn:aws:lambda:{self.region}:{self.account}:layer:{self.name}"

    @property
    def arn(self) -> str:
        return f"{self.layer_arn}:{self.number}"


def layer(call: Call, params: Params) -> LayerTarget:
    """The layer, or layer version, that LayerName (a name or an ARN) and VersionNumber name."""
    number = params.get("VersionNumber", 0)
    name = params["LayerName"]
    if not name.startswith("arn:"):
        return LayerTarget(account=call.account, region=call.region, name=name, number=number)
    found = _LAYER.fullmatch(name)
    if found is None:
        raise errors.invalid(f"Invalid Layer name: {name}")
    region, account, name, _ = found.groups()
    return LayerTarget(account=account, region=region, name=name, number=number)


def layer_version(arn: str) -> LayerTarget:
    """The layer version of an ARN."""
    found = _LAYER.fullmatch(arn)
    if found is None or found.group(4) is None:
        raise invalid_layer_arn(arn)
    region, account, name, number = found.groups()
    return LayerTarget(account=account, region=region, name=name, number=int(number))


def invalid_layer_arn(arn: str) -> AwsError:
    return errors.invalid(f"Invalid Layer arn: {arn}")
