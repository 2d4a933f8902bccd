"""script/demo's walk: a node, an application on it, and what its users see."""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
from pathlib import Path

import boto3

ROOT = Path(__file__).resolve().parents[1]
EXAMPLE = ROOT / "examples" / "todo"
FREEHOLD = [sys.executable, "-c", "from freehold.cli import main; main()"]
STACK = "todo"


def main():
    once = "--once" in sys.argv[1:]
    temporary = tempfile.mkdtemp(prefix="freehold-demo-") if once else None
    data = Path(temporary or os.environ.get("FREEHOLD_DATA", ROOT / ".freehold" / "demo"))
    node = start_node(data)
    try:
        walk(data)
        if not once:
            print("\nIt runs until you press Ctrl-C. What you put in is there again next time.")
            signal.sigwait([signal.SIGINT, signal.SIGTERM])
            print()
    except Failed as error:
        print(f"\nThe demo failed: {error}", file=sys.stderr)
        return 1
    finally:
        node.terminate()
        node.wait(timeout=30)
        if temporary:
            shutil.rmtree(temporary, ignore_errors=True)
    return 0


class Failed(Exception):
    """A step did not do what it shows."""


def start_node(data):
    step("Starting a node", f"freehold up --data {data} --port 0")
    data.mkdir(parents=True, exist_ok=True)
    log = (data / "node.log").open("a")
    # A process group of its own: Ctrl-C is for the demo, which then stops the node.
    node = subprocess.Popen(
        [*FREEHOLD, "up", "--data", str(data), "--port", "0"],
        stdout=subprocess.PIPE,
        stderr=log,
        text=True,
        start_new_session=True,
    )
    ready = node.stdout.readline().strip()
    if not ready:
        node.wait()
        print((data / "node.log").read_text()[-2000:], file=sys.stderr)
        sys.exit("The node did not start.")
    print(ready)
    return node


def walk(data):
    step(
        "Deploying examples/todo",
        f"freehold deploy examples/todo/template.yaml --stack-name {STACK}",
    )
    template = EXAMPLE / "template.yaml"
    command = ["deploy", str(template), "--stack-name", STACK, "--data", str(data)]
    if subprocess.run([*FREEHOLD, *command], check=False).returncode != 0:
        raise Failed("the application could not be deployed; see above")

    aws = session(data)
    stack = aws("cloudformation").describe_stacks(StackName=STACK)["Stacks"][0]
    outputs = {each["OutputKey"]: each["OutputValue"] for each in stack["Outputs"]}

    step(
        "Copying its stylesheet into its bucket",
        f"aws s3 cp static/ s3://{outputs['Bucket']}/ --recursive",
    )
    for file in sorted((EXAMPLE / "static").iterdir()):
        aws("s3").upload_file(
            str(file), outputs["Bucket"], file.name, ExtraArgs={"ContentType": "text/css"}
        )
        print(f"{file.name}: {file.stat().st_size} bytes")

    from freehold.cli.addresses import local_address

    url = local_address(outputs["Url"], aws("s3").meta.endpoint_url)
    step("Using it")
    page = call("GET", url)
    expect("<h1>To do</h1>" in page, "the page is not what the function makes")
    call("GET", url + "static/style.css")
    before = json.loads(call("GET", url + "api/items"))
    if before:
        print("  What was put in before is still there.")
    else:
        item = json.loads(call("POST", url + "api/items", {"title": "Own my cloud"}))
        call("POST", url + "api/items", {"title": "Tell a friend"})
        call("PUT", url + "api/items/" + item["id"], {"done": True})
        items = json.loads(call("GET", url + "api/items"))
        found = [(each["title"], each["done"]) for each in items]
        expect(found == [("Own my cloud", True), ("Tell a friend", False)], "the list is another")
    call("POST", url + "api/items", {"title": ""}, expected=400)

    step("The same items through boto3, signed with the key of `freehold env`")
    table = aws("dynamodb").scan(TableName=outputs["Table"], Limit=10)
    for each in table["Items"]:
        print(f"  {outputs['Table']}: {each['title']['S']}")
    expect(table["Count"] > 0, "the table has no items")

    step("Without a valid signature nothing works")
    stranger = boto3.client(
        "dynamodb",
        endpoint_url=aws("s3").meta.endpoint_url,
        region_name="us-east-1",
        aws_access_key_id="AKIAEXAMPLE",
        aws_secret_access_key="wrong",
    )
    try:
        stranger.scan(TableName=outputs["Table"])
    except stranger.exceptions.ClientError as error:
        print(f"  {error.response['Error']['Code']}: {error.response['Error']['Message']}")
    else:
        raise Failed("a stranger could read the table")

    print(f"\nThe to-do list is at  {url}")
    print(f"Look around with      freehold status --data {data}")
    print(f"                      freehold logs Todo -f --data {data}")
    print(f'                      eval "$(freehold env --data {data})"; aws s3 ls')


def session(data):
    lines = subprocess.run(
        [*FREEHOLD, "env", "--data", str(data)], check=True, capture_output=True, text=True
    ).stdout.splitlines()
    values = dict(line.removeprefix("export ").split("=", 1) for line in lines)
    made = boto3.session.Session(
        aws_access_key_id=values["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=values["AWS_SECRET_ACCESS_KEY"].strip("'"),
        region_name=values["AWS_REGION"],
    )
    return lambda service: made.client(service, endpoint_url=values["AWS_ENDPOINT_URL"])


def call(method, url, document=None, expected=None):
    body = None if document is None else json.dumps(document).encode()
    request = urllib.request.Request(url, body, {"Content-Type": "application/json"}, method=method)
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            status, text = answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        status, text = error.code, error.read().decode()
    shown = f"  {method} {url.partition('/Prod')[2]}"
    if document is not None:
        shown += f" {json.dumps(document)}"
    first = text.strip().partition("\n")[0]
    print(f"{shown}\n    {status} {first[:100]}")
    if (status != expected) if expected else status >= 300:
        raise Failed(f"{method} {url} answered {status}: {text[:500]}")
    return text


def expect(condition, what):
    if not condition:
        raise Failed(what)


def step(title, command=""):
    print(f"\n== {title}" + (f"\n$ {command}" if command else ""), flush=True)


if __name__ == "__main__":
    sys.exit(main())
