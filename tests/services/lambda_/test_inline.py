"""Inline code becomes an archive that runs and can answer CloudFormation."""

from __future__ import annotations

import http.server
import io
import json
import shutil
import subprocess
import sys
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from freehold.kernel.errors import AwsError
from freehold.services.lambda_ import inline

REQUEST = {"StackId": "s", "RequestId": "r", "LogicalResourceId": "l"}


@pytest.fixture
def answers() -> Iterator[tuple[str, list[Any]]]:
    """The address of a server that takes PUTs, and what it was sent: (headers, document)."""
    taken: list[Any] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_PUT(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            taken.append((self.headers, json.loads(body)))
            self.send_response(200)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *args: Any) -> None:
            return

    server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/answer?x=1", taken
    server.shutdown()
    thread.join()
    server.server_close()


def unpacked(runtime: str, text: str, directory: Path) -> Path:
    with zipfile.ZipFile(io.BytesIO(inline.archive(runtime, text))) as archive:
        archive.extractall(directory)
    return directory


def check(answers: list[Any]) -> None:
    """The response object of the user guide, and an empty content type as the link was signed
    for."""
    ((headers, document),) = answers
    assert headers["content-type"] == ""
    assert document == {
        "Status": "SUCCESS",
        "Reason": "See the details in CloudWatch Log Stream: stream",
        "PhysicalResourceId": "stream",
        "NoEcho": False,
        "Data": {"Answer": "42"},
        **REQUEST,
    }


def test_python_code_answers_with_cfnresponse(
    answers: tuple[str, list[Any]], tmp_path: Path
) -> None:
    url, taken = answers
    event = {**REQUEST, "ResponseURL": url}
    code = (
        "import cfnresponse\n"
        "class context: log_stream_name = 'stream'\n"
        f"cfnresponse.send({event!r}, context, cfnresponse.SUCCESS, {{'Answer': '42'}})\n"
    )
    directory = unpacked("python3.12", code, tmp_path)
    subprocess.run([sys.executable, "index.py"], cwd=directory, check=True, capture_output=True)
    check(taken)


@pytest.mark.skipif(shutil.which("node") is None, reason="Node.js is not installed")
def test_node_code_answers_with_cfn_response(
    answers: tuple[str, list[Any]], tmp_path: Path
) -> None:
    url, taken = answers
    event = {**REQUEST, "ResponseURL": url}
    code = (
        'const response = require("cfn-response");\n'
        'const context = { logStreamName: "stream" };\n'
        f"response.send({json.dumps(event)}, context, response.SUCCESS, {{ Answer: '42' }});\n"
    )
    directory = unpacked("nodejs22.x", code, tmp_path)
    subprocess.run(["node", "index.js"], cwd=directory, check=True, capture_output=True)
    check(taken)


def test_the_same_text_makes_the_same_archive() -> None:
    """CodeSha256 must not change with an update that changes nothing."""
    assert inline.archive("python3.12", "x = 1") == inline.archive("python3.12", "x = 1")


def test_only_python_and_node_take_inline_code() -> None:
    with pytest.raises(AwsError, match=r"Node\.js and Python"):
        inline.archive("java21", "class A {}")
