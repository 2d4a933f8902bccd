"""How fast a node is: figures, ratios against the bare server and a peer of the same run, and the budget.

    .venv/bin/python benchmarks/run.py              # about two minutes
    .venv/bin/python benchmarks/run.py --no-peer
    .venv/bin/python benchmarks/run.py --write      # docs/benchmarks.md

Ratios mean something; absolute figures are those of this machine while it did nothing else. The peer is
moto's server, from PyPI, in a virtual environment of its own: it keeps nothing on disk, checks no
signature and runs no function without Docker, so it is compared where it does the same call.
"""

from __future__ import annotations

import argparse
import http.client
import io
import json
import os
import platform
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
import zipfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import boto3
from botocore.config import Config
from load import Rate, rate
from rich.console import Console
from rich.table import Table
from signed import Signer

ROOT = Path(__file__).resolve().parents[1]
FREEHOLD = [sys.executable, "-c", "from freehold.cli import main; main()"]
PEER = ROOT / ".cache" / "peers" / "moto"
CONNECTIONS = 32
ITEMS = 500
SECONDS = 4.0
COLD_STARTS = 11
STARTS = 5
KB, MB = 1024, 1024 * 1024
# One vCPU.
MEMORY_MB = 1769
INVOKERS = 4

PYTHON = """
import boto3

def handler(event, context):
    return {"statusCode": 200, "body": "ok"}
"""
WITH_TABLE = """
import boto3
table = boto3.resource("dynamodb").Table("single")

def handler(event, context):
    return {"statusCode": 200, "body": table.get_item(Key={"id": "1"})["Item"]["text"]}
"""
NODE = "exports.handler = async () => ({ statusCode: 200, body: 'ok' });"


class Figure(NamedTuple):
    """One row. `value` is answers a second, milliseconds or MB; `bare` the share of the bare server's."""

    name: str
    value: float
    unit: str
    bare: float | None = None
    peer: float | None = None
    errors: int = 0


class Budget(NamedTuple):
    """A line of the budget: the least share of the bare server's rate, or the most of a unit."""

    share_min: float | None = None
    value_max: float | None = None


BUDGET = {
    "DynamoDB GetItem": Budget(share_min=1 / 5),
    "DynamoDB PutItem": Budget(share_min=1 / 10),
    "Lambda Invoke, warm": Budget(share_min=1 / 30),
    "Cold start, Python (p50)": Budget(value_max=15),
    "Start-up (p50)": Budget(value_max=400),
    "Idle memory": Budget(value_max=80),
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--no-peer", action="store_true", help="do not compare with moto's server")
    parser.add_argument("--seconds", type=float, default=SECONDS, help="how long each load lasts")
    parser.add_argument("--write", action="store_true", help="write docs/benchmarks.md")
    given = parser.parse_args()
    # So that what was started here ends with this.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    console = Console(highlight=False, width=None if sys.stdout.isatty() else 120)
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="freehold-bench-") as directory:
        place = Path(directory)
        bare = bare_server(given.seconds)
        rates: dict[str, Rate] = {}
        with node(place / "data") as (url, keys, pid):
            idle_mb = memory_mb(pid)
            rates |= data_rates(url, keys, given.seconds)
            functions, cold = function_rates(url, keys, given.seconds)
            rates |= functions
        peers = {} if given.no_peer else peer_rates(place, given.seconds, console)
        figures = [Figure("Bare server", bare.per_second, "/s", 1.0, errors=bare.errors)]
        for name, found in rates.items():
            theirs = peers.get(name)
            ratio = found.per_second / theirs.per_second if theirs and theirs.per_second else None
            share = found.per_second / bare.per_second
            figures.append(Figure(name, found.per_second, "/s", share, ratio, found.errors))
        figures += [Figure(name, value, "ms") for name, value in cold.items()]
        figures.append(Figure("Start-up (p50)", start_up_ms(place / "starts"), "ms"))
        figures.append(Figure("Idle memory", idle_mb, "MB"))
    rows = [row(figure) for figure in figures]
    show(console, rows)
    console.print(f"\n{machine()}; {time.monotonic() - started:.0f} s in all")
    if given.write:
        write(rows)
    return 0


# -- what is measured --


def bare_server(seconds: float) -> Rate:
    with started([sys.executable, str(ROOT / "benchmarks" / "bare.py")]) as (url, _):
        host = url.removeprefix("http://")
        request = f"GET / HTTP/1.1\r\nHost: {host}\r\n\r\n".encode()
        return rate(url, [request], connections=CONNECTIONS, seconds=seconds)


def data_rates(url: str, keys: dict[str, str], seconds: float) -> dict[str, Rate]:
    """DynamoDB and S3: what the peer does too."""
    make = clients(url, keys)
    dynamodb, s3 = make("dynamodb"), make("s3")
    dynamodb.create_table(
        TableName="items",
        AttributeDefinitions=[
            {"AttributeName": "id", "AttributeType": "S"},
            {"AttributeName": "at", "AttributeType": "N"},
        ],
        KeySchema=[
            {"AttributeName": "id", "KeyType": "HASH"},
            {"AttributeName": "at", "KeyType": "RANGE"},
        ],
        BillingMode="PAY_PER_REQUEST",
    )
    dynamodb.get_waiter("table_exists").wait(TableName="items", WaiterConfig={"Delay": 1})
    s3.create_bucket(Bucket="bench")

    def item(number: int) -> dict[str, Any]:
        key = {"id": {"S": str(number // 10)}, "at": {"N": str(number % 10)}}
        return {**key, "text": {"S": "x" * 200}}

    def key(number: int) -> dict[str, Any]:
        return {"id": {"S": str(number // 10)}, "at": {"N": str(number % 10)}}

    for number in range(0, ITEMS, 25):
        puts = [{"PutRequest": {"Item": item(each)}} for each in range(number, number + 25)]
        dynamodb.batch_write_item(RequestItems={"items": puts})
    small, large = os.urandom(KB), os.urandom(MB)
    s3.put_object(Bucket="bench", Key="small", Body=small)
    s3.put_object(Bucket="bench", Key="large", Body=large)

    sign, sign_s3 = Signer(make("dynamodb")), Signer(make("s3"))
    gets = [sign("get_item", TableName="items", Key=key(n)) for n in range(ITEMS)]
    puts = [sign("put_item", TableName="items", Item=item(n)) for n in range(ITEMS)]
    queries = [
        sign(
            "query",
            TableName="items",
            KeyConditionExpression="id = :id",
            ExpressionAttributeValues={":id": {"S": str(n)}},
        )
        for n in range(ITEMS // 10)
    ]
    loads = {
        "DynamoDB GetItem": (gets, CONNECTIONS),
        "DynamoDB PutItem": (puts, CONNECTIONS),
        "DynamoDB Query (10 items)": (queries, CONNECTIONS),
        "S3 PutObject, 1 KB": (
            [sign_s3("put_object", Bucket="bench", Key=f"s{n}", Body=small) for n in range(100)],
            CONNECTIONS,
        ),
        "S3 GetObject, 1 KB": ([sign_s3("get_object", Bucket="bench", Key="small")], CONNECTIONS),
        "S3 PutObject, 1 MB": (
            [sign_s3("put_object", Bucket="bench", Key=f"l{n}", Body=large) for n in range(8)],
            4,
        ),
        "S3 GetObject, 1 MB": ([sign_s3("get_object", Bucket="bench", Key="large")], 4),
    }
    return {
        name: rate(url, requests, connections=connections, seconds=seconds)
        for name, (requests, connections) in loads.items()
    }


def function_rates(
    url: str, keys: dict[str, str], seconds: float
) -> tuple[dict[str, Rate], dict[str, float]]:
    """Lambda, and an API before a function before a table."""
    make = clients(url, keys)
    dynamodb, iam = make("dynamodb"), make("iam")
    dynamodb.create_table(
        TableName="single",
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        BillingMode="PAY_PER_REQUEST",
    )
    dynamodb.get_waiter("table_exists").wait(TableName="single", WaiterConfig={"Delay": 1})
    dynamodb.put_item(TableName="single", Item={"id": {"S": "1"}, "text": {"S": "hello"}})
    trust = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}}
    role = iam.create_role(
        RoleName="bench",
        AssumeRolePolicyDocument=json.dumps(
            {"Version": "2012-10-17", "Statement": [{**trust, "Action": "sts:AssumeRole"}]}
        ),
    )["Role"]["Arn"]
    allowed = {"Effect": "Allow", "Action": ["dynamodb:*", "logs:*"], "Resource": "*"}
    iam.put_role_policy(
        RoleName="bench",
        PolicyName="all",
        PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [allowed]}),
    )
    functions = make("lambda")

    def create(name: str, runtime: str, handler: str, file: str, code: str) -> str:
        made = functions.create_function(
            FunctionName=name,
            Runtime=runtime,
            Role=role,
            Handler=handler,
            Code={"ZipFile": zipped(file, code)},
            MemorySize=MEMORY_MB,
            Timeout=10,
        )
        functions.get_waiter("function_active_v2").wait(
            FunctionName=name, WaiterConfig={"Delay": 1}
        )
        return str(made["FunctionArn"])

    cold = {}
    kinds = [("Python", "python3.12", "app.handler", "app.py", PYTHON)]
    if shutil.which("node"):
        kinds.append(("Node.js", "nodejs20.x", "index.handler", "index.js", NODE))
    for label, runtime, handler, file, code in kinds:
        names = [f"cold-{label[:4].lower()}-{number}" for number in range(COLD_STARTS + 1)]
        for name in names:
            create(name, runtime, handler, file, code)
        # The first makes the runtime ready, as the first function on a node does.
        cold[f"Cold start, {label} (p50)"] = cold_start_ms(url, Signer(make("lambda")), names)
        for name in names:
            functions.delete_function(FunctionName=name)

    arn = create("through", "python3.12", "app.handler", "app.py", WITH_TABLE)
    create("warm", "python3.12", "app.handler", "app.py", PYTHON)
    api = make("apigatewayv2").create_api(Name="bench", ProtocolType="HTTP", Target=arn)["ApiId"]
    functions.add_permission(
        FunctionName="through",
        StatementId="api",
        Action="lambda:InvokeFunction",
        Principal="apigateway.amazonaws.com",
    )
    path = f"/_aws/execute-api/{api}/"
    host = url.removeprefix("http://")
    through = f"GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode()
    warm_up(lambda: invoked(functions), lambda: fetched(url + path))
    warm = [Signer(make("lambda"))("invoke", FunctionName="warm", Payload=b"{}")]
    loads = {"Lambda Invoke, warm": warm, "API to function to table": [through]}
    rates = {}
    for name, requests in loads.items():
        rates[name] = rate(url, requests, connections=INVOKERS, seconds=seconds)
    return rates, cold


def warm_up(*calls: Callable[[], None]) -> None:
    """Have as many environments as there will be connections, before anything is counted."""
    with ThreadPoolExecutor(INVOKERS) as pool:
        for call in calls:
            for _ in range(5):
                for done in [pool.submit(call) for _ in range(INVOKERS)]:
                    done.result()


def invoked(functions: Any) -> None:
    answer = functions.invoke(FunctionName="warm", Payload=b"{}")
    assert "FunctionError" not in answer, answer["Payload"].read()


def fetched(url: str) -> None:
    with urllib.request.urlopen(url, timeout=30) as answer:
        assert answer.read() == b"hello"


def cold_start_ms(url: str, sign: Signer, names: list[str]) -> float:
    """Of functions that were never invoked: from the request's first byte to the answer's last."""
    host, _, port = url.removeprefix("http://").partition(":")
    took = []
    for name in names:
        request = sign("invoke", FunctionName=name, Payload=b"{}")
        connection = http.client.HTTPConnection(host, int(port), timeout=30)
        connection.connect()
        before = time.perf_counter()
        assert connection.sock is not None
        connection.sock.sendall(request)
        answer = http.client.HTTPResponse(connection.sock, method="POST")
        answer.begin()
        body = answer.read()
        took.append((time.perf_counter() - before) * 1000)
        assert answer.status == 200, body
        assert answer.headers["X-Amz-Function-Error"] is None, body
        connection.close()
    return statistics.median(took[1:])


def start_up_ms(data: Path) -> float:
    """From the process's start to the line that says that it is ready."""
    took = []
    for _ in range(STARTS + 1):
        before = time.perf_counter()
        with started([*FREEHOLD, "up", "--data", str(data), "--port", "0"]):
            took.append((time.perf_counter() - before) * 1000)
    return statistics.median(took[1:])


def peer_rates(place: Path, seconds: float, console: Console) -> dict[str, Rate]:
    """The same calls at moto's server."""
    python = PEER / "bin" / "python"
    if not (PEER / "ready").is_file():
        console.print("Installing the peer (moto) into .cache/peers, once ...")
        subprocess.run([sys.executable, "-m", "venv", str(PEER)], check=True)
        install = [str(python), "-m", "pip", "install", "--quiet", "moto[dynamodb,s3,server]"]
        if subprocess.run(install, check=False).returncode != 0:
            console.print("The peer could not be installed: no comparison.")
            return {}
        (PEER / "ready").touch()
    keys = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_REGION": "us-east-1"}
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    process = subprocess.Popen(
        [str(PEER / "bin" / "moto_server"), "-H", "127.0.0.1", "-p", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd=place,
    )
    try:
        for _ in range(120):
            try:
                urllib.request.urlopen(url + "/moto-api/", timeout=5).close()
                break
            except OSError:
                time.sleep(0.25)
        return data_rates(url, keys, seconds)
    finally:
        process.kill()
        process.wait()


# -- nodes --


@contextmanager
def node(data: Path) -> Iterator[tuple[str, dict[str, str], int]]:
    """A node in a process of its own: its address, the variables of its root key, its pid."""
    with started([*FREEHOLD, "up", "--data", str(data), "--port", "0"]) as (url, pid):
        command = [*FREEHOLD, "env", "--data", str(data)]
        text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        pairs = (line.removeprefix("export ").partition("=") for line in text.splitlines())
        yield url, {name: value.strip("'") for name, _, value in pairs}, pid


@contextmanager
def started(command: list[str]) -> Iterator[tuple[str, int]]:
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, cwd=ROOT
    )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert "ready at " in line, f"{' '.join(command)} did not start: {line!r}"
        yield line.partition("ready at ")[2].split()[0].rstrip(","), process.pid
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=30)


def clients(url: str, keys: dict[str, str]) -> Any:
    session = boto3.session.Session(
        aws_access_key_id=keys["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=keys["AWS_SECRET_ACCESS_KEY"],
        region_name=keys["AWS_REGION"],
    )
    config = Config(s3={"addressing_style": "path"}, retries={"total_max_attempts": 1})
    return lambda service: session.client(service, endpoint_url=url, config=config)


def zipped(name: str, text: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        entry = zipfile.ZipInfo(name)
        entry.external_attr = 0o644 << 16
        archive.writestr(entry, text)
    return buffer.getvalue()


def memory_mb(pid: int) -> float:
    time.sleep(1)
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise AssertionError(pid)


def free_port() -> int:
    import socket

    with socket.socket() as place:
        place.bind(("127.0.0.1", 0))
        return int(place.getsockname()[1])


# -- what is shown --

COLUMNS = ("", "Figure", "of the bare server", "against moto", "budget")


def row(figure: Figure) -> tuple[str, ...]:
    value = (
        f"{figure.value:,.0f} /s" if figure.unit == "/s" else f"{figure.value:,.1f} {figure.unit}"
    )
    if figure.errors:
        value += f" ({figure.errors} errors)"
    share = "" if not figure.bare else f"1/{1 / figure.bare:,.1f}"
    peer = "" if figure.peer is None else f"{figure.peer:,.1f} x"
    return figure.name, value, share, peer, verdict(figure)


def verdict(figure: Figure) -> str:
    budget = BUDGET.get(figure.name)
    if budget is None:
        return ""
    if budget.share_min is not None:
        assert figure.bare is not None
        word = "kept" if figure.bare >= budget.share_min else "MISSED"
        return f"{word} (at least 1/{1 / budget.share_min:.0f})"
    assert budget.value_max is not None
    word = "kept" if figure.value <= budget.value_max else "MISSED"
    return f"{word} (at most {budget.value_max:.0f} {figure.unit})"


def show(console: Console, rows: list[tuple[str, ...]]) -> None:
    table = Table(box=None)
    for name in COLUMNS:
        table.add_column(name, justify="left" if name in ("", "budget") else "right")
    for each in rows:
        table.add_row(*each)
    console.print(table)


def machine() -> str:
    model = platform.processor()
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            model = line.partition(":")[2].strip()
            break
    client = "wrk" if shutil.which("wrk") else "a client in Python"
    return (
        f"{model}, {os.cpu_count()} cores, Linux {platform.release()}, "
        f"Python {platform.python_version()}; load from {client} on the same machine"
    )


def write(rows: list[tuple[str, ...]]) -> None:
    lines = [
        "# Benchmarks\n",
        "Written by `benchmarks/run.py --write`. Ratios mean something; absolute figures are this machine's.\n",
        f"{machine()}; {time.strftime('%Y-%m-%d')}.\n",
        "| " + " | ".join(COLUMNS) + " |",
        "|---|--:|--:|--:|---|",
        *("| " + " | ".join(each) + " |" for each in rows),
        "",
        f"{CONNECTIONS} connections; 1 MB objects 4; invocations {INVOKERS}. Functions have 1,769 MB.",
        "Writes are synced to disk before they are answered. moto's server, the peer, keeps its data in",
        "memory and checks no signatures.",
    ]
    (ROOT / "docs" / "benchmarks.md").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    sys.exit(main())
