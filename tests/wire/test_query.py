"""Forms, as query and ec2 clients write them and as nobody should."""

from __future__ import annotations

import pytest

from freehold.wire.messages import WireError, WireRequest
from freehold.wire.model import load_model


def _parse(body: bytes) -> dict[str, object]:
    return load_model("iam").operation("CreateRole").parse(WireRequest(body=body))


def test_a_name_with_an_empty_part_does_not_reach_a_value():
    assert _parse(b"RoleName=a&RoleName..b=c&Tags..1=d") == {"RoleName": "a", "Tags": []}


def test_a_list_is_read_in_the_order_of_its_numbers_however_it_is_sent():
    body = b"&".join(b"Tags.member.%d.Key=k%d&Tags.member.%d.Value=v" % (n, n, n) for n in (10, 2))
    assert [tag["Key"] for tag in _parse(body)["Tags"]] == ["k2", "k10"]  # type: ignore[index]


def test_a_number_of_thousands_of_digits_is_no_place_in_a_list():
    assert _parse(b"Tags.member." + b"9" * 5000 + b".Key=k") == {"Tags": []}


@pytest.mark.parametrize(
    "body", [b"RoleName=\xff", b"RoleName=%ff", b"%ff=a", b"A.B." * 40 + b"C=1"], ids=repr
)
def test_a_form_that_cannot_be_read_is_refused(body):
    with pytest.raises(WireError) as refusal:
        _parse(body)
    assert refusal.value.code == "MalformedQueryString"
