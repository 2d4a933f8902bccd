"""The parameter that a request names, or the error that there is none."""

from __future__ import annotations

from freehold.kernel.call import Call
from freehold.services.ssm import errors, rules, store
from freehold.services.ssm.records import Parameter, Version
from freehold.services.ssm.rules import Selector


def parameter(call: Call, text: str) -> tuple[Parameter, Selector]:
    resolved = rules.resolve(text, call.arn("parameter"))
    for name in resolved.names:
        found = store.load_parameter(call.tx, call.scope, name)
        if found is not None:
            return found, resolved.selector
    raise errors.parameter_not_found(text)


def selected_version(call: Call, found: Parameter, selector: Selector) -> Version:
    number = selector.number
    if selector.label is not None:
        number = found.labels.get(selector.label)
    elif number is None:
        return found.newest
    if number is None:
        raise errors.version_not_found(found.name, selector.text.removeprefix(":"))
    return version(call, found, number)


def version(call: Call, found: Parameter, number: int) -> Version:
    if number == found.newest.number:
        return found.newest
    earlier = store.load_version(call.tx, call.scope, found.name, number)
    if earlier is None:
        raise errors.version_not_found(found.name, str(number))
    return earlier
