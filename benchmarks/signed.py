"""Requests as botocore signs them, made without being sent."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from botocore.awsrequest import AWSResponse


class Signer:
    """A client whose calls are kept as bytes."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self._made: list[bytes] = []
        client.meta.events.register("before-send", self._keep)

    def __call__(self, operation: str, **params: Any) -> bytes:
        """The HTTP request of a call."""
        self._made.clear()
        getattr(self._client, operation)(**params)
        return self._made[0]

    def _keep(self, request: Any, **_: Any) -> AWSResponse:
        url = urlsplit(request.url)
        body = request.body or b""
        if hasattr(body, "read"):
            body = body.read()
        if isinstance(body, str):
            body = body.encode()
        path = (url.path or "/") + (f"?{url.query}" if url.query else "")
        lines = [f"{request.method} {path} HTTP/1.1".encode(), b"Host: " + url.netloc.encode()]
        for name, value in request.headers.items():
            if name.lower() not in ("host", "content-length", "expect"):
                text = value if isinstance(value, bytes) else str(value).encode()
                lines.append(name.encode() + b": " + text)
        lines.append(b"Content-Length: %d" % len(body))
        self._made.append(b"\r\n".join(lines) + b"\r\n\r\n" + bytes(body))
        return AWSResponse(request.url, 200, {"content-type": "application/json"}, _Empty())


class _Empty:
    """The answer that botocore is given instead of one."""

    def stream(self, *_: Any, **__: Any) -> Any:
        return iter([b""])

    def read(self, *_: Any, **__: Any) -> bytes:
        return b""
