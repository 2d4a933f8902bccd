"""One application, deployed by each of the clients that people deploy with, and used by all of them."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.apps import clients
from tests.apps.conftest import Town

HERE = Path(__file__).parent / "todo"


@pytest.fixture
def sources(tmp_path: Path) -> Path:
    """A copy that clients may write into."""
    return Path(shutil.copytree(HERE, tmp_path / "todo"))


def test_sam_builds_and_deploys_it(town: Town, sources: Path) -> None:
    town.sam("build", cwd=sources).succeeded()
    bucket = "deployments-of-sam"
    town.client("s3").create_bucket(Bucket=bucket)
    output = town.sam(
        "deploy",
        *("--stack-name", "todo-sam", "--s3-bucket", bucket, "--capabilities", "CAPABILITY_IAM"),
        "--no-confirm-changeset",
        cwd=sources,
    ).succeeded()
    assert "Successfully created/updated stack - todo-sam" in output
    use(town, "todo-sam")
    again = town.sam(
        "deploy",
        *("--stack-name", "todo-sam", "--s3-bucket", bucket, "--capabilities", "CAPABILITY_IAM"),
        "--no-fail-on-empty-changeset",
        cwd=sources,
    ).succeeded()
    assert "No changes to deploy" in again


def test_sam_deploys_it_into_a_bucket_that_it_makes(town: Town, sources: Path) -> None:
    town.sam(
        "deploy",
        *("--stack-name", "todo-managed", "--resolve-s3", "--capabilities", "CAPABILITY_IAM"),
        *("--parameter-overrides", "Title=Chores"),
        cwd=sources,
    ).succeeded()
    assert town.status("aws-sam-cli-managed-default") == "CREATE_COMPLETE"
    use(town, "todo-managed", title="Chores")


def test_awscli_packages_and_deploys_it(town: Town, sources: Path) -> None:
    bucket = "deployments-of-awscli"
    town.aws("s3", "mb", f"s3://{bucket}").succeeded()
    packaged = sources / "packaged.yaml"
    town.aws(
        *("cloudformation", "package", "--template-file", "template.yaml"),
        *("--s3-bucket", bucket, "--output-template-file", str(packaged)),
        cwd=sources,
    ).succeeded()
    deploy = (
        *("cloudformation", "deploy", "--template-file", str(packaged)),
        *("--stack-name", "todo-awscli", "--capabilities", "CAPABILITY_IAM"),
    )
    assert "Successfully created/updated stack" in town.aws(*deploy).succeeded()
    use(town, "todo-awscli")
    assert "No changes to deploy" in town.aws(*deploy, "--no-fail-on-empty-changeset").succeeded()


def use(town: Town, stack: str, title: str = "To do") -> None:
    """The application answers everybody who may ask, and nobody else."""
    out = town.outputs(stack)
    town.aws(*("s3", "cp", str(HERE / "static"), f"s3://{out['Files']}", "--recursive")).succeeded()
    _use_over_http(town, out, title)
    _use_with_boto3(town, out)
    _find_logs(town, out)


def _use_over_http(town: Town, out: dict[str, str], title: str) -> None:
    api = out["Api"]
    assert out["Url"] == f"https://{api}.execute-api.{town.region}.amazonaws.com/Prod/"
    by_path: dict[str, Any] = {"prefix": f"/_aws/execute-api/{api}/Prod"}
    by_host = {"prefix": "/Prod", "Host": f"{api}.execute-api.{town.region}.localhost"}
    for address in (by_path, by_host):
        prefix, headers = address["prefix"], {k: v for k, v in address.items() if k != "prefix"}
        for path in ("/", "/any/where"):
            page = town.http(prefix + path, **headers)
            assert page.status == 200, page.text
            assert page.headers["content-type"] == "text/html; charset=utf-8"
            assert f"<h1>{title}</h1>" in page.text
            assert f"<p>{path}</p>" in page.text
        item = {"id": f"milk-{len(headers)}", "text": "Buy milk"}
        added = town.http(
            f"{prefix}/items",
            method="POST",
            body=json.dumps(item).encode(),
            **headers,
            **{"Content-Type": "application/json"},
        )
        if added.status != 201:
            for g in town.client("logs").describe_log_groups()["logGroups"]:
                for e in town.client("logs").filter_log_events(logGroupName=g["logGroupName"])[
                    "events"
                ]:
                    print(g["logGroupName"], e["message"])
        assert (added.status, added.json()) == (201, item)
        assert item in town.http(f"{prefix}/items", **headers).json()
        assert town.http(f"{prefix}/items/{item['id']}", **headers).json() == [item]
        assert town.http(f"{prefix}/items/{item['id']}", method="DELETE", **headers).status == 204
        assert town.http(f"{prefix}/items", **headers).json() == []
        cors = town.http(f"{prefix}/items", method="OPTIONS", **headers)
        assert (cors.status, cors.headers["access-control-allow-origin"]) == (200, "*")
        refused = town.http(f"{prefix}/items", method="PUT", **headers)
        assert (refused.status, refused.json()) == (
            403,
            {"message": "Missing Authentication Token"},
        )
    style = town.http("/style.css", Host=f"{out['Files']}.s3.{town.region}.localhost")
    assert (style.status, style.headers["content-type"]) == (200, "text/css")
    assert style.body == (HERE / "static" / "style.css").read_bytes()
    private = town.http("/", Host=f"{out['Files']}.s3.{town.region}.localhost")
    assert private.status == 403
    assert "<Code>AccessDenied</Code>" in private.text


def _use_with_boto3(town: Town, out: dict[str, str]) -> None:
    table = town.session.resource("dynamodb", endpoint_url=town.url).Table(out["Items"])
    table.put_item(Item={"list": "mine", "id": "b", "text": "from boto3"})
    event = {"httpMethod": "GET", "path": "/items", "pathParameters": None}
    invoked = town.client("lambda").invoke(
        FunctionName=out["ItemsFunction"], Payload=json.dumps(event).encode()
    )
    assert "FunctionError" not in invoked
    answer = json.loads(invoked["Payload"].read())
    assert json.loads(answer["body"]) == [{"id": "b", "text": "from boto3"}]
    table.delete_item(Key={"list": "mine", "id": "b"})


def _find_logs(town: Town, out: dict[str, str]) -> None:
    """What functions print is in CloudWatch Logs, between what Lambda itself says."""
    logs = town.client("logs")
    group = f"/aws/lambda/{out['ItemsFunction']}"
    messages = eventually(
        lambda: [
            event["message"] for event in logs.filter_log_events(logGroupName=group)["events"]
        ],
        lambda found: any(message.startswith("adding milk-1") for message in found),
    )
    request_id = next(m.split()[2] for m in messages if m.startswith("START RequestId: "))
    assert any(m.startswith(f"END RequestId: {request_id}") for m in messages)
    report = next(m for m in messages if m.startswith(f"REPORT RequestId: {request_id}"))
    assert "Memory Size: 256 MB" in report


def eventually(look: Callable[[], Any], enough: Callable[[Any], bool]) -> Any:
    """What `look` finds once it is enough: logs arrive shortly after an answer does."""
    end = time.monotonic() + 10
    while not enough(found := look()):
        assert time.monotonic() < end, found
        time.sleep(0.02)
    return found


def test_the_javascript_sdk_uses_it(town: Town, sources: Path) -> None:
    clients.node_modules()
    output = town.aws(
        *("s3", "mb", "s3://deployments-for-javascript"),
    )
    output.succeeded()
    town.sam(
        "deploy",
        *("--stack-name", "todo-js", "--s3-bucket", "deployments-for-javascript"),
        *("--capabilities", "CAPABILITY_IAM"),
        cwd=sources,
    ).succeeded()
    found = town.js(HERE / "use.cjs", "todo-js")
    assert found["status"] == "CREATE_COMPLETE"
    assert found["items"] == [
        {
            "list": "js",
            "id": "1",
            "text": "written in JavaScript",
            "tags": ["a", "b"],
            "size": 1.5,
        }
    ]
    assert found["text"] == "from JavaScript"
    assert json.loads(found["invoked"]["body"]) == []
    assert "END RequestId" in found["log"]
