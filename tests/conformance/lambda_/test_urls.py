"""Function URLs."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from typing import Any
from urllib.parse import urlsplit

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from freehold.runtime.contract import Outcome
from tests.conformance.lambda_.conftest import Functions
from tests.conftest import Aws


def open_url(url: str, **options: Any) -> Any:
    """Ask the node as if the name had been resolved."""
    parts = urlsplit(url)
    headers = {"Host": parts.netloc, **options.pop("headers", {})}
    target = f"http://127.0.0.1:{parts.port}{parts.path}"
    if parts.query:
        target += f"?{parts.query}"
    request = urllib.request.Request(target, headers=headers, **options)
    return urllib.request.urlopen(request)


def let_everybody_in(functions: Functions) -> None:
    functions.client.add_permission(
        FunctionName="f",
        StatementId="public",
        Action="lambda:InvokeFunctionUrl",
        Principal="*",
        FunctionUrlAuthType="NONE",
    )


def test_a_url_invokes_the_function_with_a_request_in_format_2(functions: Functions) -> None:
    functions.create()
    made = functions.client.create_function_url_config(FunctionName="f", AuthType="NONE")
    let_everybody_in(functions)
    with open_url(
        made["FunctionUrl"] + "a%20b?x=1&x=2",
        data=b"text",
        headers={"Content-Type": "text/plain", "Cookie": "c=1; d=2"},
    ) as response:
        assert response.headers["content-type"] == "application/json"
        event = json.load(response)
    assert event["version"] == "2.0"
    assert event["rawPath"] == "/a%20b"
    assert event["queryStringParameters"] == {"x": "1,2"}
    assert event["cookies"] == ["c=1", "d=2"]
    assert (event["body"], event["isBase64Encoded"]) == ("text", False)
    assert event["requestContext"]["http"]["method"] == "POST"
    assert event["requestContext"]["accountId"] == "anonymous"


def test_the_function_shapes_the_response(functions: Functions) -> None:
    answer = {
        "statusCode": 201,
        "headers": {"X-A": "1"},
        "cookies": ["a=1", "b=2"],
        "body": "aGk=",
        "isBase64Encoded": True,
    }
    functions.create(do=lambda spec, event: Outcome(payload=json.dumps(answer).encode()))
    made = functions.client.create_function_url_config(FunctionName="f", AuthType="NONE")
    let_everybody_in(functions)
    with open_url(made["FunctionUrl"]) as response:
        assert (response.status, response.headers["x-a"], response.read()) == (201, "1", b"hi")
        assert response.headers.get_all("set-cookie") == ["a=1", "b=2"]


def test_an_error_of_the_function_is_a_bad_gateway(functions: Functions) -> None:
    functions.create(do=lambda spec, event: Outcome(payload=b"{}", error="Unhandled"))
    made = functions.client.create_function_url_config(FunctionName="f", AuthType="NONE")
    let_everybody_in(functions)
    with pytest.raises(urllib.error.HTTPError, match="502"):
        open_url(made["FunctionUrl"])


def test_a_url_is_closed_until_a_permission_opens_it(functions: Functions) -> None:
    """AuthType NONE still needs the resource policy (developer guide, function URL security)."""
    functions.create()
    made = functions.client.create_function_url_config(FunctionName="f", AuthType="NONE")
    with pytest.raises(urllib.error.HTTPError, match="403"):
        open_url(made["FunctionUrl"])


def test_a_url_with_iam_asks_who_calls(functions: Functions) -> None:
    """AuthType AWS_IAM: a signature, and lambda:InvokeFunctionUrl for whoever signed."""
    functions.create()
    made = functions.client.create_function_url_config(FunctionName="f", AuthType="AWS_IAM")
    with pytest.raises(urllib.error.HTTPError, match="403"):
        open_url(made["FunctionUrl"])
    statement = {"Effect": "Allow", "Action": "lambda:InvokeFunctionUrl", "Resource": "*"}
    allowed = functions.aws.as_user("allowed", statement)
    refused = functions.aws.as_user("refused")
    with open_url(made["FunctionUrl"], headers=signed(allowed, made["FunctionUrl"])) as response:
        context = json.load(response)["requestContext"]
    assert context["authorizer"]["iam"]["userArn"].endswith(":user/allowed")
    assert context["authorizer"]["iam"]["accessKey"] == allowed.access_key_id
    with pytest.raises(urllib.error.HTTPError, match="403"):
        open_url(made["FunctionUrl"], headers=signed(refused, made["FunctionUrl"]))


def signed(aws: Aws, url: str) -> dict[str, str]:
    request = AWSRequest("GET", url)
    SigV4Auth(Credentials(aws.access_key_id, aws.secret), "lambda", aws.region).add_auth(request)
    return dict(request.headers)


def test_a_browser_is_answered_as_the_url_is_configured(functions: Functions) -> None:
    functions.create()
    made = functions.client.create_function_url_config(
        FunctionName="f",
        AuthType="NONE",
        Cors={"AllowOrigins": ["https://a.example"], "AllowMethods": ["POST"], "MaxAge": 10},
    )
    let_everybody_in(functions)
    asked = {"Origin": "https://a.example", "Access-Control-Request-Method": "POST"}
    with open_url(made["FunctionUrl"], method="OPTIONS", headers=asked) as response:
        assert response.headers["access-control-allow-origin"] == "https://a.example"
        assert response.headers["access-control-allow-methods"] == "POST"
        assert response.headers["access-control-max-age"] == "10"
    with open_url(made["FunctionUrl"], headers={"Origin": "https://b.example"}) as response:
        assert "access-control-allow-origin" not in response.headers


def test_urls_are_listed_changed_and_deleted(functions: Functions) -> None:
    functions.create()
    made = functions.client.create_function_url_config(FunctionName="f", AuthType="NONE")
    exceptions = functions.client.exceptions
    with pytest.raises(exceptions.ResourceConflictException):
        functions.client.create_function_url_config(FunctionName="f", AuthType="NONE")
    listed = functions.client.list_function_url_configs(FunctionName="f")["FunctionUrlConfigs"]
    assert [url["FunctionUrl"] for url in listed] == [made["FunctionUrl"]]
    changed = functions.client.update_function_url_config(
        FunctionName="f", Cors={"AllowOrigins": ["*"]}
    )
    assert changed["Cors"] == {"AllowOrigins": ["*"]}
    functions.client.delete_function_url_config(FunctionName="f")
    with pytest.raises(exceptions.ResourceNotFoundException):
        functions.client.get_function_url_config(FunctionName="f")
    with pytest.raises(urllib.error.HTTPError, match="40"):
        open_url(made["FunctionUrl"])
