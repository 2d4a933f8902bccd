"""SAM's starters, "hello world", as its documentation describes them: zip packages, one function."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.apps import clients
from tests.apps.conftest import Town

TEMPLATE = """
AWSTemplateFormatVersion: '2010-09-09'
Transform: AWS::Serverless-2016-10-31
Description: Hello from %(runtime)s
Globals:
  Function:
    Timeout: 3
Resources:
  HelloWorldFunction:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: hello_world/
      Handler: app.%(handler)s
      Runtime: %(runtime)s
      Architectures: [x86_64]
      Events:
        HelloWorld:
          Type: %(event)s
          Properties:
            Path: /hello
            Method: get
Outputs:
  Api:
    Value: !Ref %(api)s
  HelloWorldApi:
    Description: API Gateway endpoint URL
    Value: !Sub "https://${%(api)s}.execute-api.${AWS::Region}.amazonaws.com%(stage)s/hello/"
  HelloWorldFunction:
    Value: !GetAtt HelloWorldFunction.Arn
  HelloWorldFunctionIamRole:
    Value: !GetAtt HelloWorldFunctionRole.Arn
"""

PYTHON = """
import json


def lambda_handler(event, context):
    return {"statusCode": 200, "body": json.dumps({"message": "hello world"})}
"""

NODE = """
export const lambdaHandler = async (event, context) => {
  const response = { statusCode: 200, body: JSON.stringify({ message: 'hello world' }) };
  return response;
};
"""

LANGUAGES = {
    "python3.12": ("lambda_handler", {"app.py": PYTHON}),
    "nodejs20.x": ("lambdaHandler", {"app.mjs": NODE, "package.json": '{"type": "module"}'}),
}
# The kind of event, what SAM calls its API, the part of the URL before the path.
FRONTS = {
    "Api": ("ServerlessRestApi", "/Prod"),
    "HttpApi": ("ServerlessHttpApi", ""),
}

STARTERS = {
    "hello-python": ("python3.12", "Api"),
    "hello-node": ("nodejs20.x", "Api"),
    "hello-node-http": ("nodejs20.x", "HttpApi"),
}


def starter(directory: Path, runtime: str, event: str) -> Path:
    handler, files = LANGUAGES[runtime]
    api, stage = FRONTS[event]
    words = {"runtime": runtime, "handler": handler, "event": event, "api": api, "stage": stage}
    (directory / "template.yaml").write_text(TEMPLATE % words)
    (directory / "hello_world").mkdir()
    for name, text in files.items():
        (directory / "hello_world" / name).write_text(text)
    return directory


@pytest.fixture(scope="module")
def deployments(
    town: Town, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, Future[str]]]:
    """What SAM said of each starter; they are deployed side by side."""
    clients.sam()
    town.client("s3").create_bucket(Bucket="starters")

    def deploy(stack: str, runtime: str, event: str) -> str:
        return town.sam(
            *("deploy", "--stack-name", stack, "--s3-bucket", "starters"),
            *("--capabilities", "CAPABILITY_IAM"),
            cwd=starter(tmp_path_factory.mktemp(stack), runtime, event),
        ).succeeded()

    with ThreadPoolExecutor(len(STARTERS)) as threads:
        yield {
            stack: threads.submit(deploy, stack, runtime, event)
            for stack, (runtime, event) in STARTERS.items()
            if runtime.startswith("python") or shutil.which("node")
        }


@pytest.mark.parametrize("stack", STARTERS)
def test_a_starter_deploys_and_answers(
    town: Town, deployments: dict[str, Future[str]], stack: str
) -> None:
    runtime, event = STARTERS[stack]
    if runtime.startswith("nodejs"):
        clients.node()
    deployments[stack].result()
    out = town.outputs(stack)
    stage = FRONTS[event][1]
    by_path = town.http(f"/_aws/execute-api/{out['Api']}{stage}/hello")
    by_host = town.http(
        f"{stage}/hello", Host=f"{out['Api']}.execute-api.{town.region}.amazonaws.com"
    )
    for answer in (by_path, by_host):
        assert (answer.status, answer.json()) == (200, {"message": "hello world"}), answer.text
    invoked = town.client("lambda").invoke(FunctionName=out["HelloWorldFunction"])
    payload = json.loads(invoked["Payload"].read())
    assert json.loads(payload["body"]) == {"message": "hello world"}
    assert town.delete(stack) == "DELETE_COMPLETE"
