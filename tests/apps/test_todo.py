"""One application, deployed by each of the clients that people deploy with, and used by all of them."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.apps import clients
from tests.apps.conftest import Town

HERE = Path(__file__).parent / "todo"


STACKS = ("todo-sam", "todo-managed", "todo-awscli")


@pytest.fixture(scope="session")
def deployments(
    town: Town, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, Future[str]]]:
    """What each client said. They deploy side by side: most of their time they sleep, AWS's command
    line half a minute at a time."""
    clients.sam()
    bucket = "deployments"
    town.client("s3").create_bucket(Bucket=bucket)
    places = {stack: tmp_path_factory.mktemp(stack) / "todo" for stack in STACKS}
    for place in places.values():
        shutil.copytree(HERE, place)
    with ThreadPoolExecutor(len(STACKS)) as threads:
        yield {
            "todo-sam": threads.submit(sam_with_bucket, town, places["todo-sam"], bucket),
            "todo-managed": threads.submit(sam_with_managed_bucket, town, places["todo-managed"]),
            "todo-awscli": threads.submit(awscli, town, places["todo-awscli"], bucket),
        }


def sam_with_bucket(town: Town, sources: Path, bucket: str) -> str:
    """`sam build` packs with the very Python that the template names: without it, as it is."""
    built = town.sam("build", cwd=sources)
    if built.status and "python3.12" not in built.output:
        built.succeeded()
    deploy = (
        *("deploy", "--stack-name", "todo-sam", "--s3-bucket", bucket),
        *("--capabilities", "CAPABILITY_IAM", "--no-fail-on-empty-changeset"),
    )
    first = town.sam(*deploy, cwd=sources).succeeded()
    return first + "\nAGAIN\n" + town.sam(*deploy, cwd=sources).succeeded()


def sam_with_managed_bucket(town: Town, sources: Path) -> str:
    return town.sam(
        *("deploy", "--stack-name", "todo-managed", "--resolve-s3"),
        *("--capabilities", "CAPABILITY_IAM", "--parameter-overrides", "Title=Chores"),
        cwd=sources,
    ).succeeded()


def awscli(town: Town, sources: Path, bucket: str) -> str:
    town.aws(
        *("cloudformation", "package", "--template-file", "template.yaml", "--s3-bucket", bucket),
        *("--output-template-file", "packaged.yaml"),
        cwd=sources,
    ).succeeded()
    deploy = (
        *("cloudformation", "deploy", "--template-file", "packaged.yaml"),
        *("--stack-name", "todo-awscli", "--capabilities", "CAPABILITY_IAM"),
        "--no-fail-on-empty-changeset",
    )
    first = town.aws(*deploy, cwd=sources).succeeded()
    return first + "\nAGAIN\n" + town.aws(*deploy, cwd=sources).succeeded()


def test_sam_builds_and_deploys_it(town: Town, deployments: dict[str, Future[str]]) -> None:
    first, again = deployments["todo-sam"].result().split("\nAGAIN\n")
    assert "Successfully created/updated stack - todo-sam" in first
    assert "No changes to deploy" in again
    use(town, "todo-sam")


def test_sam_deploys_it_into_a_bucket_that_it_makes(
    town: Town, deployments: dict[str, Future[str]]
) -> None:
    deployments["todo-managed"].result()
    assert town.status("aws-sam-cli-managed-default") == "CREATE_COMPLETE"
    use(town, "todo-managed", title="Chores")


def test_awscli_packages_and_deploys_it(town: Town, deployments: dict[str, Future[str]]) -> None:
    first, again = deployments["todo-awscli"].result().split("\nAGAIN\n")
    assert "Successfully created/updated stack - todo-awscli" in first
    out = town.outputs("todo-awscli")
    town.aws("s3", "cp", str(HERE / "static"), f"s3://{out['Files']}", "--recursive").succeeded()
    listed = town.aws("s3", "ls", f"s3://{out['Files']}").succeeded()
    assert "style.css" in listed
    assert "No changes to deploy" in again
    use(town, "todo-awscli")


def use(town: Town, stack: str, title: str = "To do") -> None:
    """The application answers everybody who may ask, and nobody else."""
    out = town.outputs(stack)
    style = (HERE / "static" / "style.css").read_bytes()
    town.client("s3").put_object(
        Bucket=out["Files"], Key="style.css", Body=style, ContentType="text/css"
    )
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
            assert page.status == 200, messages(town, out["PageFunction"])
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
        assert (added.status, added.json()) == (201, item), messages(town, out["ItemsFunction"])
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
    found = eventually(
        lambda: messages(town, out["ItemsFunction"]),
        lambda found: any(message.startswith("adding milk-1") for message in found),
    )
    request_id = next(m.split()[2] for m in found if m.startswith("START RequestId: "))
    assert any(m.startswith(f"END RequestId: {request_id}") for m in found)
    report = next(m for m in found if m.startswith(f"REPORT RequestId: {request_id}"))
    assert "Memory Size: 256 MB" in report


def messages(town: Town, function: str) -> list[str]:
    """What the function has logged."""
    group = f"/aws/lambda/{function.rpartition(':')[2]}"
    found = town.client("logs").filter_log_events(logGroupName=group)["events"]
    return [event["message"] for event in found]


def eventually(look: Callable[[], Any], enough: Callable[[Any], bool]) -> Any:
    """What `look` finds once it is enough: logs arrive shortly after an answer does."""
    end = time.monotonic() + 10
    while not enough(found := look()):
        assert time.monotonic() < end, found
        time.sleep(0.02)
    return found


def test_the_javascript_sdk_uses_it(town: Town, deployments: dict[str, Future[str]]) -> None:
    deployments["todo-managed"].result()
    found = town.js(HERE / "use.cjs", "todo-managed")
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


def test_freehold_deploys_it(town: Town, tmp_path: Path) -> None:
    """With no other client installed."""
    sources = Path(shutil.copytree(HERE, tmp_path / "todo"))
    town.freehold(
        *("deploy", "template.yaml", "--stack-name", "todo-freehold", "--data", str(town.data)),
        cwd=sources,
    ).succeeded()
    assert town.status("todo-freehold") == "CREATE_COMPLETE"
    use(town, "todo-freehold")
