"""Browser-based uploads: POST of a form to a bucket (API reference).

The gateway hands over such requests as endpoint "s3-post", with the bucket as its target.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from html import escape
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

from freehold.kernel.call import Call
from freehold.kernel.endpoints import Endpoint
from freehold.kernel.errors import AwsError
from freehold.kernel.http import HttpRequest, HttpResponse
from freehold.kernel.principal import ANONYMOUS, Principal
from freehold.services.s3 import errors
from freehold.services.s3.rules import post_policy
from freehold.services.s3.rules.forms import Form
from freehold.services.s3.service import service


@service.endpoint("s3-post")
async def post_object(call: Call, request: HttpRequest, endpoint: Endpoint) -> HttpResponse:
    bucket = endpoint.target or endpoint.name
    try:
        form = Form(request.header("content-type") or "", aiter(request.body))
        await form.read_fields()
        principal = await call.read(_signer, form.fields)
        # Without a signature there is no policy either: the bucket's own says who may put.
        bounds = None
        if principal.kind != "anonymous":
            bounds = post_policy.check(form.fields, bucket, call.now)
        params = post_policy.put_params(form.fields, bucket, form.filename)
        params["Body"] = _within(form.file(), bounds)
        poster = call.acting_as(principal)
        poster.operation = "PostObject"
        made = await call.node.start(poster, call.node.operation("s3", "PutObject"), params)
    except AwsError as error:
        return _failed(error)
    return _answer(call, form.fields, params, made)


def _signer(call: Call, fields: Mapping[str, str]) -> Principal:
    access_key_id = post_policy.access_key_of(fields)
    if access_key_id is None:
        return ANONYMOUS
    found = call.node.directory.credential(call.tx, access_key_id)
    if found is None:
        raise AwsError(
            "InvalidAccessKeyId",
            "The AWS Access Key Id you provided does not exist in our records.",
            status=403,
            AWSAccessKeyId=access_key_id,
        )
    if not post_policy.is_signed_by(fields, found.secret):
        raise AwsError(
            "SignatureDoesNotMatch",
            "The request signature we calculated does not match the signature you provided. Check "
            "your key and signing method.",
            status=403,
        )
    if found.session_token != fields.get("x-amz-security-token"):
        raise AwsError("InvalidToken", "The provided token is malformed or otherwise invalid.")
    if found.expires_at is not None and found.expires_at <= call.now:
        raise AwsError("ExpiredToken", "The provided token has expired.")
    return found.principal


async def _within(
    chunks: AsyncIterator[bytes], bounds: tuple[int, int] | None
) -> AsyncIterator[bytes]:
    """The same bytes, unless they are fewer or more than the policy allows."""
    size = 0
    async for chunk in chunks:
        size += len(chunk)
        if bounds is not None and size > bounds[1]:
            raise errors.entity_too_large(size, bounds[1])
        yield chunk
    if bounds is not None and size < bounds[0]:
        raise AwsError(
            "EntityTooSmall",
            "Your proposed upload is smaller than the minimum allowed size",
            ProposedSize=str(size),
            MinSizeAllowed=str(bounds[0]),
        )


def _answer(
    call: Call, fields: Mapping[str, str], params: dict[str, Any], made: dict[str, Any]
) -> HttpResponse:
    bucket, key, etag = params["Bucket"], params["Key"], made["ETag"]
    place = f"{call.endpoint_url}/{bucket}/{quote(key)}"
    headers: tuple[tuple[str, str], ...] = (("etag", etag), ("location", place))
    if made.get("VersionId") is not None:
        headers = (*headers, ("x-amz-version-id", made["VersionId"]))
    target = fields.get("success_action_redirect") or fields.get("redirect")
    if target and urlsplit(target).scheme in ("http", "https"):
        where = _with_query(target, {"bucket": bucket, "key": key, "etag": etag})
        return HttpResponse(status=303, headers=(*headers[:1], ("location", where)))
    status = fields.get("success_action_status")
    if status != "201":
        return HttpResponse(status=200 if status == "200" else 204, headers=headers)
    document = (
        '<?xml version="1.0" encoding="UTF-8"?>\n<PostResponse>'
        f"<Location>{escape(place)}</Location><Bucket>{escape(bucket)}</Bucket>"
        f"<Key>{escape(key)}</Key><ETag>{escape(etag)}</ETag></PostResponse>"
    )
    headers = (*headers, ("content-type", "application/xml"))
    return HttpResponse(status=201, headers=headers, body=document.encode())


def _with_query(target: str, more: dict[str, str]) -> str:
    parts = urlsplit(target)
    query = urlencode([*parse_qsl(parts.query, keep_blank_values=True), *more.items()])
    return urlunsplit(parts._replace(query=query))


def _failed(error: AwsError) -> HttpResponse:
    members = "".join(
        f"<{name}>{escape(str(value))}</{name}>" for name, value in error.members.items()
    )
    document = (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f"<Error><Code>{error.code}</Code><Message>{escape(error.message)}</Message>{members}"
        "</Error>"
    )
    headers = (("content-type", "application/xml"), *error.headers)
    return HttpResponse(status=error.status or 400, headers=headers, body=document.encode())
