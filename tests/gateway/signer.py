"""Requests byte by byte: sent as they are, signed by botocore or by hand, and what came back."""

from __future__ import annotations

import hashlib
import hmac
import http.client
import json
import re
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from botocore.auth import S3SigV4Auth, S3SigV4QueryAuth, SigV4Auth, SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

EMPTY = hashlib.sha256(b"").hexdigest()


class Sent:
    """A request as it goes over the wire; change what you like, then `send`."""

    def __init__(
        self, url: str, method: str, path: str, headers: dict[str, str], body: bytes
    ) -> None:
        self.address = urlsplit(url).netloc
        self.method = method
        self.path = path
        self.headers = headers
        self.body = body

    def send(self) -> Got:
        connection = http.client.HTTPConnection(self.address, timeout=20)
        connection.putrequest(self.method, self.path, skip_host=True, skip_accept_encoding=True)
        for name, value in self.headers.items():
            connection.putheader(name, value)
        if self.body and "Content-Length" not in self.headers:
            connection.putheader("Content-Length", str(len(self.body)))
        connection.endheaders(self.body or None)
        answer = connection.getresponse()
        got = Got(answer.status, dict(answer.getheaders()), answer.read())
        connection.close()
        return got


class Got:
    def __init__(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.status = status
        self.headers = {name.lower(): value for name, value in headers.items()}
        self.body = body

    @property
    def code(self) -> str:
        """The error's code, in whichever protocol."""
        if self.body.startswith(b"<"):
            found = re.search(rb"<Code>(.*?)</Code>", self.body)
            return found[1].decode() if found else ""
        if self.headers.get("x-amzn-errortype"):
            return self.headers["x-amzn-errortype"].split(":")[0]
        if self.body:
            return str(json.loads(self.body).get("__type", "")).rpartition("#")[2]
        return ""

    @property
    def outcome(self) -> tuple[str, int]:
        return self.code, self.status


def signed(
    aws: Any,
    service: str,
    method: str,
    path: str,
    *,
    headers: dict[str, str] | None = None,
    body: bytes = b"",
    secret: str | None = None,
    key: str | None = None,
    token: str | None = None,
    region: str = "us-east-1",
    expires_s: int | None = None,
) -> Sent:
    """A request as botocore signs it; a presigned one with `expires_s`."""
    credentials = Credentials(key or aws.access_key_id, secret or aws.secret, token)
    request = AWSRequest(method=method, url=aws.url + path, headers=headers or {}, data=body)
    is_s3 = service == "s3"
    if expires_s is not None:
        kind = S3SigV4QueryAuth if is_s3 else SigV4QueryAuth
        kind(credentials, service, region, expires=expires_s).add_auth(request)
    else:
        kind = S3SigV4Auth if is_s3 else SigV4Auth
        kind(credentials, service, region).add_auth(request)
    prepared = request.prepare()
    url = urlsplit(prepared.url)
    found = {"Host": url.netloc}
    for name, value in prepared.headers.items():
        found[name] = value.decode() if isinstance(value, bytes) else value
    return Sent(aws.url, method, url.path + (f"?{url.query}" if url.query else ""), found, body)


class Signer:
    """Signature Version 4 by hand, from "Create a signed AWS API request" (IAM user guide)."""

    def __init__(self, aws: Any, service: str = "s3", at: datetime | None = None) -> None:
        self.aws = aws
        at = at or datetime.now(UTC)
        self.time = at.strftime("%Y%m%dT%H%M%SZ")
        self.scope = f"{self.time[:8]}/us-east-1/{service}/aws4_request"
        key = f"AWS4{aws.secret}".encode()
        for part in self.scope.split("/"):
            key = hmac.digest(key, part.encode(), "sha256")
        self.key = key

    def sign(self, text: str) -> str:
        return hmac.digest(self.key, text.encode(), "sha256").hex()

    def request(
        self, method: str, path: str, headers: dict[str, Any], payload: str, body: bytes
    ) -> Sent:
        """`path` needs no encoding; a header's value may be bytes, and is signed as given."""
        host = urlsplit(self.aws.url).netloc
        found = {"Host": host, "X-Amz-Date": self.time, "X-Amz-Content-SHA256": payload, **headers}
        lowered = sorted((name.lower(), value) for name, value in found.items())
        names = ";".join(name for name, _ in lowered)
        lines = b"".join(
            name.encode() + b":" + (value if isinstance(value, bytes) else value.encode()) + b"\n"
            for name, value in lowered
        )
        canonical = f"{method}\n{path}\n\n".encode() + lines + f"\n{names}\n{payload}".encode()
        self.seed = self.sign(
            f"AWS4-HMAC-SHA256\n{self.time}\n{self.scope}\n{hashlib.sha256(canonical).hexdigest()}"
        )
        found["Authorization"] = (
            f"AWS4-HMAC-SHA256 Credential={self.aws.access_key_id}/{self.scope}, "
            f"SignedHeaders={names}, Signature={self.seed}"
        )
        return Sent(self.aws.url, method, path, found, body)

    def chunks(self, parts: Iterable[bytes], trailers: dict[str, str] | None = None) -> list[bytes]:
        """The chunks of a body, each signed after the one before ("Signature calculations for the
        authorization header: transferring payload in multiple chunks", S3 API reference)."""
        previous = self.seed
        made = []
        for part in (*parts, b""):
            previous = self.sign(
                f"AWS4-HMAC-SHA256-PAYLOAD\n{self.time}\n{self.scope}\n{previous}\n{EMPTY}\n"
                f"{hashlib.sha256(part).hexdigest()}"
            )
            head = f"{len(part):x};chunk-signature={previous}\r\n".encode()
            made.append(head + part + (b"\r\n" if part or trailers is None else b""))
        if trailers is not None:
            text = "".join(f"{name}:{value}\n" for name, value in trailers.items())
            last = self.sign(
                f"AWS4-HMAC-SHA256-TRAILER\n{self.time}\n{self.scope}\n{previous}\n"
                f"{hashlib.sha256(text.encode()).hexdigest()}"
            )
            lines = "".join(f"{name}:{value}\r\n" for name, value in trailers.items())
            made.append(f"{lines}x-amz-trailer-signature:{last}\r\n\r\n".encode())
        return made
