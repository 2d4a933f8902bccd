"""Static websites, and the answers to browsers' preflights: what S3 serves as plain HTTP."""

from __future__ import annotations

import datetime
from email.utils import parsedate_to_datetime
from html import escape
from typing import Any
from urllib.parse import quote, unquote

import msgspec

from freehold.kernel.call import Call
from freehold.kernel.endpoints import Endpoint
from freehold.kernel.errors import AwsError
from freehold.kernel.http import HttpRequest, HttpResponse
from freehold.kernel.principal import ANONYMOUS
from freehold.kv import Transaction
from freehold.services.s3 import access, contents, errors, store, versions
from freehold.services.s3.records import Bucket, Object
from freehold.services.s3.rules import conditions, cors, ranges, website
from freehold.services.s3.service import service

_REASONS = {403: "Forbidden", 404: "Not Found", 405: "Method Not Allowed"}
_HEADERS = {
    "CacheControl": "cache-control",
    "ContentDisposition": "content-disposition",
    "ContentEncoding": "content-encoding",
    "ContentLanguage": "content-language",
    "ContentType": "content-type",
    "Expires": "expires",
}


@service.endpoint("s3-website")
async def serve_website(call: Call, request: HttpRequest, endpoint: Endpoint) -> HttpResponse:
    """Anybody may ask; what they see is what the bucket's policy shows to everybody."""
    if request.method not in ("GET", "HEAD"):
        error = AwsError(
            "MethodNotAllowed",
            "The specified method is not allowed against this resource.",
            status=405,
        )
        return _error_page(error)
    visitor = call.acting_as(ANONYMOUS)
    response = await visitor.read(_serve, request, endpoint.target or endpoint.name)
    return msgspec.structs.replace(response, body=b"") if request.method == "HEAD" else response


@service.cross_origin
def cross_origin_headers(
    tx: Transaction, labels: dict[str, str], origin: str, method: str
) -> cors.Headers:
    """What the bucket's CORS configuration adds to answers."""
    bucket = store.find_bucket(tx, labels.get("Bucket", ""))
    if bucket is None:
        return ()
    return cors.cors_headers(store.load_configuration(tx, bucket, "cors"), origin, method)


@service.endpoint("s3-cors")
async def answer_preflight(call: Call, request: HttpRequest, endpoint: Endpoint) -> HttpResponse:
    """OPTIONS on a bucket, whose name is the endpoint's target."""

    def load(inner: Call) -> dict[str, Any] | None:
        bucket = store.load_bucket(inner.tx, endpoint.target)
        return store.load_configuration(inner.tx, bucket, "cors")

    origin = request.header("origin")
    method = request.header("access-control-request-method")
    if not origin or not method:
        return _xml_error(
            400, "BadRequest", "Insufficient information. Origin request header needed."
        )
    asked = request.header("access-control-request-headers") or ""
    names = [name.strip() for name in asked.split(",") if name.strip()]
    try:
        document = await call.read(load)
    except AwsError as error:
        return _xml_error(error.status or 400, error.code, error.message)
    headers = cors.preflight_headers(document, origin, method, names)
    if document is None:
        message = "CORSResponse: CORS is not enabled for this bucket."
        return _xml_error(403, "AccessForbidden", message)
    if headers is None:
        message = (
            "CORSResponse: This CORS request is not allowed. This is usually because the "
            "evalution of Origin, request method / Access-Control-Request-Method or "
            "Access-Control-Request-Headers are not whitelisted by the resource's CORS spec."
        )
        return _xml_error(403, "AccessForbidden", message)
    return HttpResponse(status=200, headers=headers)


def _serve(call: Call, request: HttpRequest, name: str) -> HttpResponse:
    try:
        bucket = store.load_bucket(call.tx, name)
        document = store.load_configuration(call.tx, bucket, "website")
        if document is None:
            raise errors.no_configuration(
                "NoSuchWebsiteConfiguration",
                "The specified bucket does not have a website configuration",
                name,
            )
    except AwsError as error:
        return _error_page(error)
    path = unquote(request.path)
    redirect = website.redirect_all(document, path, request.query)
    if redirect is not None:
        return _redirect(redirect)
    key = website.index_key(document, path)
    redirect = website.routed(
        document, path.removeprefix("/"), None, request.host, request.base_path
    )
    if redirect is not None:
        return _redirect(redirect)
    try:
        return _with_cors(call, bucket, request, _page(call, bucket, request, key, 200))
    except AwsError as error:
        failed = error
    status = failed.status or 400
    redirect = website.routed(
        document, path.removeprefix("/"), status, request.host, request.base_path
    )
    if redirect is not None:
        return _redirect(redirect)
    folder = _folder(call, bucket, document, path)
    if folder is not None:
        return _redirect(website.Redirect(302, quote(request.base_path + folder, safe="/")))
    return _custom_error(call, bucket, request, document, failed)


def _page(call: Call, bucket: Bucket, request: HttpRequest, key: str, status: int) -> HttpResponse:
    """The object under a key; AccessDenied, NoSuchKey, PreconditionFailed, InvalidRange."""
    params = {"Bucket": bucket.name, "Key": key}
    if not access.is_allowed(call, access.allow_object(call, bucket, "s3:GetObject", key, params)):
        raise errors.access_denied()
    try:
        found = versions.find(call, bucket, key, None)
    except AwsError as error:
        raise access.missing(call, bucket, error) from None
    location = found.headers.get("WebsiteRedirectLocation")
    if location is not None:
        return _redirect(website.Redirect(301, location))
    asked = ranges.Range(0, found.size)
    headers = _headers(bucket, found)
    if status == 200:
        given = _conditions(request)
        if conditions.check_read(given, found) == "not-modified":
            return HttpResponse(status=304, headers=headers)
        part = ranges.parse(request.header("range") or "", found.size)
        if part is not None:
            asked, status = part, 206
            headers = (*headers, ("content-range", part.content_range(found.size)))
    headers = (*headers, ("content-length", str(asked.length)))
    if request.method == "HEAD":
        return HttpResponse(status=status, headers=headers)
    body = contents.open_body(call, bucket, found, *asked)
    return HttpResponse(status=status, headers=headers, body=body)


def _folder(call: Call, bucket: Bucket, document: dict[str, Any], path: str) -> str | None:
    """The path with a slash after it, where only that has something: an index document."""
    if path.endswith("/") or store.load_object(call.tx, bucket, path.removeprefix("/")):
        return None
    key = website.index_key(document, path + "/")
    return f"{path}/" if store.load_object(call.tx, bucket, key) is not None else None


def _custom_error(
    call: Call, bucket: Bucket, request: HttpRequest, document: dict[str, Any], failed: AwsError
) -> HttpResponse:
    key = (document.get("ErrorDocument") or {}).get("Key")
    if key is None or failed.status not in (403, 404):
        return _error_page(failed)
    try:
        return _page(call, bucket, request, key, failed.status)
    except AwsError:
        return _error_page(failed)


def _with_cors(
    call: Call, bucket: Bucket, request: HttpRequest, response: HttpResponse
) -> HttpResponse:
    origin = request.header("origin")
    if origin is None:
        return response
    document = store.load_configuration(call.tx, bucket, "cors")
    more = cors.cors_headers(document, origin, request.method)
    return msgspec.structs.replace(response, headers=(*response.headers, *more))


def _headers(bucket: Bucket, found: Object) -> tuple[tuple[str, str], ...]:
    headers = [("etag", f'"{found.etag}"'), ("last-modified", _http_date(found.modified_at))]
    headers += [(_HEADERS[n], value) for n, value in found.headers.items() if n in _HEADERS]
    headers += [(f"x-amz-meta-{name}", value) for name, value in found.metadata.items()]
    if bucket.versioning:
        headers.append(("x-amz-version-id", found.version))
    return (*headers, ("accept-ranges", "bytes"))


def _conditions(request: HttpRequest) -> dict[str, Any]:
    given: dict[str, Any] = {
        "IfMatch": request.header("if-match"),
        "IfNoneMatch": request.header("if-none-match"),
        "IfModifiedSince": _moment(request.header("if-modified-since")),
        "IfUnmodifiedSince": _moment(request.header("if-unmodified-since")),
    }
    return {name: value for name, value in given.items() if value is not None}


def _redirect(redirect: website.Redirect) -> HttpResponse:
    return HttpResponse(status=redirect.status, headers=(("location", redirect.location),))


def _error_page(error: AwsError) -> HttpResponse:
    status = error.status or 400
    title = f"{status} {_REASONS.get(status, 'Error')}"
    lines = [f"<li>Code: {escape(error.code)}</li>", f"<li>Message: {escape(error.message)}</li>"]
    lines += [f"<li>{escape(n)}: {escape(str(v))}</li>" for n, v in error.members.items()]
    page = (
        f"<html>\n<head><title>{title}</title></head>\n<body>\n<h1>{title}</h1>\n<ul>\n"
        + "\n".join(lines)
        + "\n</ul>\n<hr/>\n</body>\n</html>\n"
    )
    return HttpResponse(
        status=status,
        headers=(("content-type", "text/html; charset=utf-8"), *error.headers),
        body=page.encode(),
    )


def _xml_error(status: int, code: str, message: str) -> HttpResponse:
    text = (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f"<Error><Code>{escape(code)}</Code><Message>{escape(message)}</Message></Error>"
    )
    headers = (("content-type", "application/xml"),)
    return HttpResponse(status=status, headers=headers, body=text.encode())


_DATE = "%a, %d %b %Y %H:%M:%S GMT"


def _http_date(moment: int) -> str:
    return datetime.datetime.fromtimestamp(moment, datetime.UTC).strftime(_DATE)


def _moment(header: str | None) -> float | None:
    """A date that cannot be read is as good as none (RFC 9110, section 13.1.3)."""
    try:
        return parsedate_to_datetime(header or "").timestamp()
    except ValueError:
        return None
