"""Cross-origin requests as a browser makes them."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from freehold.kernel import principal
from freehold.kernel.endpoints import Endpoint
from freehold.kernel.http import HttpRequest
from freehold.services.s3 import service

RULES = {
    "CORSRules": [
        {
            "AllowedMethods": ["GET"],
            "AllowedOrigins": ["https://*.example.com"],
            "AllowedHeaders": ["x-*"],
        }
    ]
}


def _preflight(aws: Any, bucket: str, origin: str, headers: str = "") -> tuple[int, dict[str, str]]:
    node = aws.node.running.node
    call = node.call("s3", "s3-cors", aws.account, "us-east-1", principal.ANONYMOUS)
    given = [("origin", origin), ("access-control-request-method", "GET")]
    if headers:
        given.append(("access-control-request-headers", headers))
    request = HttpRequest(
        method="OPTIONS",
        host="localhost",
        path="/k",
        headers=tuple(given),
        body=SimpleNamespace(length=0),  # type: ignore[arg-type]
    )
    endpoint = Endpoint("s3-cors", bucket, "s3", aws.account, "us-east-1", bucket)
    answer = aws.node.run(service.endpoints["s3-cors"](call, request, endpoint))
    return answer.status, dict(answer.headers)


def test_a_preflight_is_answered_by_the_first_rule_that_covers_it(
    s3: Any, aws: Any, bucket: str
) -> None:
    assert _preflight(aws, bucket, "https://a.example.com")[0] == 403
    s3.put_bucket_cors(Bucket=bucket, CORSConfiguration=RULES)
    status, headers = _preflight(aws, bucket, "https://a.example.com", "X-One, x-two")
    assert status == 200
    assert headers["access-control-allow-origin"] == "https://a.example.com"
    assert headers["access-control-allow-headers"] == "X-One, x-two"
    assert _preflight(aws, bucket, "https://evil.com")[0] == 403
    assert _preflight(aws, bucket, "https://a.example.com", "authorization")[0] == 403
    assert _preflight(aws, "no-such-bucket-at-all", "https://a.example.com")[0] == 404
