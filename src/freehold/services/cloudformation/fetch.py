"""Templates and snippets from S3."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from freehold.kernel.call import Call
from freehold.kernel.errors import AwsError
from freehold.services.cloudformation import errors
from freehold.services.cloudformation.template import parse

Params = dict[str, Any]


async def template_text(call: Call, params: Params) -> str | None:
    """The template that a request brings or names; None if it does neither."""
    body, url = params.get("TemplateBody"), params.get("TemplateURL")
    if body is not None and url is not None:
        raise errors.validation("Specify exactly one of 'TemplateBody' or 'TemplateUrl'")
    if body is not None:
        parse.check_body_size(body)
        return str(body)
    return None if url is None else await text_at(call, url)


async def text_at(call: Call, url: str) -> str:
    """What an S3 object holds, by its https or s3 URL; read as the caller."""
    bucket, key, version = _place(call, url)
    params: Params = {"Bucket": bucket, "Key": key}
    if version:
        params["VersionId"] = version
    try:
        answer = await call.invoke("s3", "GetObject", params)
    except AwsError as error:
        if error.code == "NotImplemented":
            raise
        raise errors.validation(f"S3 error: {error.message}") from error
    content = await _read(answer["Body"])
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        raise errors.template_format("unsupported structure.") from error


async def _read(body: Any) -> bytes:
    if isinstance(body, bytes):
        parse.check_url_size(len(body))
        return body
    chunks: list[bytes] = []
    size = 0
    async for chunk in body:
        chunks.append(chunk)
        size += len(chunk)
        parse.check_url_size(size)
    return b"".join(chunks)


def _place(call: Call, url: str) -> tuple[str, str, str | None]:
    parts = urlsplit(url)
    version = parse_qs(parts.query).get("versionId", [None])[0]
    host = parts.hostname or ""
    path = unquote(parts.path).lstrip("/")
    if parts.scheme == "s3":
        bucket, key = host, path
    elif parts.scheme in ("http", "https"):
        bucket = _bucket_of(call, host)
        key = path
        if not bucket:
            bucket, _, key = path.partition("/")
    else:
        bucket = key = ""
    if not bucket or not key:
        raise errors.validation("TemplateURL must be a supported URL.")
    return bucket, key, version


def _bucket_of(call: Call, host: str) -> str:
    """The bucket that a host names; "" where the path does."""
    settings = call.node.settings
    if host == urlsplit(settings.endpoint_url).hostname:
        return ""
    for suffix in (".amazonaws.com", f".{settings.domain}"):
        if host.endswith(suffix):
            labels = host.removesuffix(suffix).split(".")
            for index, label in enumerate(labels):
                if label == "s3" or label.startswith("s3-"):
                    return ".".join(labels[:index])
            return ".".join(labels) if suffix != ".amazonaws.com" else ""
    return ""
