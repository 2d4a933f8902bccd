"""What users do to a node until it is killed, and what must be true when it is back.

A workload writes down what it attempts before it asks, and what was acknowledged after the answer. Its
`step` is one thing that users do; its `check` compares a restarted node with what was written down:
what was acknowledged is there, and what was only attempted is there whole or not at all.
"""

from __future__ import annotations

import hashlib
import io
import json
import random
import zipfile
from typing import Any

from botocore.exceptions import ClientError

from tests.conftest import Aws
from tests.crash.process import eventually

MB = 1024 * 1024
ABSENT = "absent"


class Workload:
    """One kind of use. Its steps run on a thread of their own."""

    def __init__(self, name: str, seed: int) -> None:
        self.name = name
        self.random = random.Random(f"{seed} {name}")
        self.acknowledged = 0

    def connect(self, aws: Aws) -> None:
        """Make the clients that it needs."""

    def prepare(self) -> None:
        """Make what it works on, once, before anything is killed."""

    def step(self) -> None: ...

    def check(self) -> None: ...


class Items(Workload):
    """Puts, overwrites, counts, deletes and batches in one table."""

    def __init__(self, name: str, seed: int) -> None:
        super().__init__(name, seed)
        self.table = f"base-{name}"
        # What each key may hold: the acknowledged value alone, or with those of attempts without answer.
        self.values: dict[str, set[str]] = {}
        # The least and the most that each counter may have reached.
        self.counts: dict[str, tuple[int, int]] = {}

    def connect(self, aws: Aws) -> None:
        self.client = aws.client("dynamodb")

    def prepare(self) -> None:
        make_table(self.client, self.table)

    def step(self) -> None:
        action = self.random.choice((self._put, self._put, self._count, self._delete, self._batch))
        action()
        self.acknowledged += 1

    def check(self) -> None:
        found = {item["id"]["S"]: item for item in scan(self.client, self.table)}
        for key, possible in self.values.items():
            value = found[key]["value"]["S"] if key in found else ABSENT
            assert value in possible, (key, value, possible)
            self.values[key] = {value}
        for key, (least, most) in self.counts.items():
            count = int(found[key]["count"]["N"]) if key in found else 0
            assert least <= count <= most, (key, count, least, most)
            self.counts[key] = (count, count)
        assert found.keys() <= self.values.keys() | self.counts.keys()

    def _put(self) -> None:
        key, value = self._key(), self._value()
        self.values.setdefault(key, {ABSENT}).add(value)
        item = {"id": {"S": key}, "value": {"S": value}}
        self.client.put_item(TableName=self.table, Item=item)
        self.values[key] = {value}

    def _count(self) -> None:
        key = f"count-{self.random.randrange(4)}"
        least, most = self.counts.get(key, (0, 0))
        self.counts[key] = (least, most + 1)
        self.client.update_item(
            TableName=self.table,
            Key={"id": {"S": key}},
            UpdateExpression="ADD #c :one",
            ExpressionAttributeNames={"#c": "count"},
            ExpressionAttributeValues={":one": {"N": "1"}},
        )
        self.counts[key] = (least + 1, most + 1)

    def _delete(self) -> None:
        key = self._key()
        self.values.setdefault(key, {ABSENT}).add(ABSENT)
        self.client.delete_item(TableName=self.table, Key={"id": {"S": key}})
        self.values[key] = {ABSENT}

    def _batch(self) -> None:
        """Of a batch each item is written or not, on its own (BatchWriteItem)."""
        wanted = {self._key(): self._value() for _ in range(10)}
        for key, value in wanted.items():
            self.values.setdefault(key, {ABSENT}).add(value)
        requests = [
            {"PutRequest": {"Item": {"id": {"S": key}, "value": {"S": value}}}}
            for key, value in wanted.items()
        ]
        answer = self.client.batch_write_item(RequestItems={self.table: requests})
        assert not answer["UnprocessedItems"]
        for key, value in wanted.items():
            self.values[key] = {value}

    def _key(self) -> str:
        return f"key-{self.random.randrange(500)}"

    def _value(self) -> str:
        return self.random.randbytes(self.random.randrange(8, 200)).hex()


class Transfers(Workload):
    """Money moves between accounts in transactions that also write a ledger."""

    ACCOUNTS = 6
    BALANCE = 100

    def __init__(self, name: str, seed: int) -> None:
        super().__init__(name, seed)
        self.accounts = f"base-{name}-accounts"
        self.ledger = f"base-{name}-ledger"
        self.attempts: dict[str, tuple[str, str, int]] = {}
        self.done: set[str] = set()
        self.unanswered: list[str] = []

    def connect(self, aws: Aws) -> None:
        self.client = aws.client("dynamodb")

    def prepare(self) -> None:
        make_table(self.client, self.accounts)
        make_table(self.client, self.ledger)
        for number in range(self.ACCOUNTS):
            item = {"id": {"S": f"a{number}"}, "balance": {"N": str(self.BALANCE)}}
            self.client.put_item(TableName=self.accounts, Item=item)

    def step(self) -> None:
        numbers = self.random.sample(range(self.ACCOUNTS), 2)
        name = f"t{len(self.attempts)}"
        giver, taker = (f"a{number}" for number in numbers)
        self.attempts[name] = (giver, taker, self.random.randrange(1, 40))
        self.unanswered.append(name)
        if self._transfer(name):
            self.done.add(name)
            self.acknowledged += 1
        self.unanswered.remove(name)

    def check(self) -> None:
        before = self._compare()
        for name in self.unanswered:
            # A transaction sent again with its token is not done again (ClientRequestToken).
            done = self._transfer(name)
            assert done or name not in before, f"{name} was done and is refused"
            if done:
                self.done.add(name)
        self.unanswered.clear()
        assert self._compare() == before | (self.done - before)

    def _transfer(self, name: str) -> bool:
        giver, taker, amount = self.attempts[name]
        words = {":x": {"N": str(amount)}}
        try:
            self.client.transact_write_items(
                ClientRequestToken=f"{self.name}-{name}",
                TransactItems=[
                    {
                        "Update": {
                            "TableName": self.accounts,
                            "Key": {"id": {"S": giver}},
                            "UpdateExpression": "SET balance = balance - :x",
                            "ConditionExpression": "balance >= :x",
                            "ExpressionAttributeValues": words,
                        }
                    },
                    {
                        "Update": {
                            "TableName": self.accounts,
                            "Key": {"id": {"S": taker}},
                            "UpdateExpression": "SET balance = balance + :x",
                            "ExpressionAttributeValues": words,
                        }
                    },
                    {"Put": {"TableName": self.ledger, "Item": {"id": {"S": name}}}},
                ],
            )
        except self.client.exceptions.TransactionCanceledException:
            return False
        return True

    def _compare(self) -> set[str]:
        """The names in the ledger, which must explain the balances."""
        ledger = {item["id"]["S"] for item in scan(self.client, self.ledger)}
        assert self.done <= ledger <= self.done | set(self.unanswered)
        expected = {f"a{number}": self.BALANCE for number in range(self.ACCOUNTS)}
        for name in ledger:
            giver, taker, amount = self.attempts[name]
            expected[giver] -= amount
            expected[taker] += amount
        items = scan(self.client, self.accounts)
        found = {item["id"]["S"]: int(item["balance"]["N"]) for item in items}
        assert found == expected
        assert sum(found.values()) == self.ACCOUNTS * self.BALANCE
        return ledger


class Objects(Workload):
    """Objects of all sizes are put, put again and deleted."""

    SIZES = (100, 5_000, 60_000, 400_000, 8 * MB)
    KEYS_OF_A_SIZE = (40, 40, 20, 10, 3)

    def __init__(self, name: str, seed: int) -> None:
        super().__init__(name, seed)
        self.bucket = f"base-{name}"
        # What each key may hold, as ETags.
        self.etags: dict[str, set[str]] = {}
        self.touched: set[str] = set()

    def connect(self, aws: Aws) -> None:
        self.client = aws.client("s3")

    def prepare(self) -> None:
        self.client.create_bucket(Bucket=self.bucket)

    def step(self) -> None:
        kind = self.random.choices(range(len(self.SIZES)), weights=(8, 8, 6, 4, 3))[0]
        key = f"{kind}/{self.random.randrange(self.KEYS_OF_A_SIZE[kind])}"
        possible = self.etags.setdefault(key, {ABSENT})
        self.touched.add(key)
        if self.random.random() < 0.15:
            possible.add(ABSENT)
            self.client.delete_object(Bucket=self.bucket, Key=key)
            self.etags[key] = {ABSENT}
        else:
            body = self.random.randbytes(self.SIZES[kind] + self.random.randrange(100))
            etag = hashlib.md5(body).hexdigest()
            possible.add(etag)
            answer = self.client.put_object(Bucket=self.bucket, Key=key, Body=body)
            assert answer["ETag"] == f'"{etag}"'
            self.etags[key] = {etag}
        self.acknowledged += 1

    def check(self) -> None:
        listed = list_objects(self.client, self.bucket)
        for key, possible in self.etags.items():
            etag = listed.get(key, ABSENT)
            assert etag in possible, (key, etag, possible)
            self.etags[key] = {etag}
        assert listed.keys() <= self.etags.keys()
        for key in self.touched:
            self._check_body(key)
        self.touched.clear()

    def check_all_bodies(self) -> None:
        for key in self.etags:
            self._check_body(key)

    def _check_body(self, key: str) -> None:
        (etag,) = self.etags[key]
        if etag == ABSENT:
            return
        body = self.client.get_object(Bucket=self.bucket, Key=key)["Body"].read()
        assert hashlib.md5(body).hexdigest() == etag, key


class Uploads(Workload):
    """Objects are uploaded in parts."""

    SIZES = (5 * MB, 5 * MB, 1000)
    KEYS = 4

    def __init__(self, name: str, seed: int) -> None:
        super().__init__(name, seed)
        self.bucket = f"base-{name}"
        self.bodies: dict[str, bytes] = {}
        # The upload that was cut off: its key, id ("" where even that is not known), bodies and ETags.
        self.key = ""
        self.upload = ""
        self.parts: list[bytes] = []
        self.etags: dict[int, str] = {}
        self.completing = False

    def connect(self, aws: Aws) -> None:
        self.client = aws.client("s3")

    def prepare(self) -> None:
        self.client.create_bucket(Bucket=self.bucket)

    def step(self) -> None:
        self.key = f"key-{self.random.randrange(self.KEYS)}"
        self.parts = [self.random.randbytes(size) for size in self.SIZES]
        self.etags = {}
        self.completing = False
        self.upload = ""
        self.upload = self.client.create_multipart_upload(**self._object)["UploadId"]
        self._upload_missing()
        self._complete()

    def check(self) -> None:
        for found in self.client.list_multipart_uploads(Bucket=self.bucket).get("Uploads", []):
            if found["UploadId"] != self.upload:
                # Begun, but the answer did not arrive.
                self.client.abort_multipart_upload(
                    Bucket=self.bucket, Key=found["Key"], UploadId=found["UploadId"]
                )
        if self.upload:
            self._check_upload()
        self.upload = ""
        for key, body in self.bodies.items():
            found = self.client.get_object(Bucket=self.bucket, Key=key)["Body"].read()
            assert found == body, key
        assert list_objects(self.client, self.bucket).keys() == self.bodies.keys()
        assert "Uploads" not in self.client.list_multipart_uploads(Bucket=self.bucket)

    def _check_upload(self) -> None:
        try:
            found = self.client.list_parts(**self._object, UploadId=self.upload)
        except self.client.exceptions.NoSuchUpload:
            assert self.completing, "an upload is gone that nobody completed"
            # Completed, but the answer did not arrive: the client asks again.
            self._complete()
            return
        there = {part["PartNumber"]: part["ETag"] for part in found.get("Parts", [])}
        assert self.etags.items() <= there.items()
        if self.random.random() < 0.5:
            self._upload_missing()
            self._complete()
            return
        self.client.abort_multipart_upload(**self._object, UploadId=self.upload)

    def _upload_missing(self) -> None:
        for number, body in enumerate(self.parts, 1):
            if number not in self.etags:
                answer = self.client.upload_part(
                    **self._object, UploadId=self.upload, PartNumber=number, Body=body
                )
                self.etags[number] = answer["ETag"]
                self.acknowledged += 1

    def _complete(self) -> None:
        self.completing = True
        parts = [{"PartNumber": number, "ETag": etag} for number, etag in self.etags.items()]
        self.client.complete_multipart_upload(
            **self._object, UploadId=self.upload, MultipartUpload={"Parts": parts}
        )
        self.bodies[self.key] = b"".join(self.parts)
        self.upload = ""
        self.acknowledged += 1

    @property
    def _object(self) -> dict[str, str]:
        return {"Bucket": self.bucket, "Key": self.key}


STACK = {
    "Parameters": {
        "Word": {"Type": "String"},
        "Second": {"Type": "String"},
        "Broken": {"Type": "String"},
    },
    "Conditions": {
        "HasSecond": {"Fn::Equals": [{"Ref": "Second"}, "yes"]},
        "IsBroken": {"Fn::Equals": [{"Ref": "Broken"}, "yes"]},
    },
    "Resources": {
        "Role": {
            "Type": "AWS::IAM::Role",
            "Properties": {
                "AssumeRolePolicyDocument": {
                    "Version": "2012-10-17",
                    "Statement": [
                        {
                            "Effect": "Allow",
                            "Principal": {"Service": "lambda.amazonaws.com"},
                            "Action": "sts:AssumeRole",
                        }
                    ],
                }
            },
        },
        "Table": {
            "Type": "AWS::DynamoDB::Table",
            "Properties": {
                "BillingMode": "PAY_PER_REQUEST",
                "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
                "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
            },
        },
        "Bucket": {"Type": "AWS::S3::Bucket"},
        "Function": {
            "Type": "AWS::Lambda::Function",
            "Properties": {
                "Runtime": "python3.12",
                "Handler": "index.handler",
                "Role": {"Fn::GetAtt": ["Role", "Arn"]},
                "Code": {"ZipFile": "def handler(event, context):\n    return event\n"},
                "Environment": {"Variables": {"WORD": {"Ref": "Word"}, "TABLE": {"Ref": "Table"}}},
            },
        },
        "Other": {
            "Condition": "HasSecond",
            "Type": "AWS::S3::Bucket",
            "DependsOn": "Function",
        },
        "Refused": {
            "Condition": "IsBroken",
            "Type": "AWS::DynamoDB::Table",
            "DependsOn": ["Function", "Bucket"],
            "Properties": {
                "BillingMode": "PAY_PER_REQUEST",
                "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
                "KeySchema": [{"AttributeName": "no-such", "KeyType": "HASH"}],
            },
        },
    },
    "Outputs": {"Word": {"Value": {"Ref": "Word"}}},
}


class Stacks(Workload):
    """Stacks are created, updated and deleted; some of them are wrong and roll back."""

    LIVE = 3

    def __init__(self, name: str, seed: int) -> None:
        super().__init__(name, seed)
        # The word of each stack that is complete.
        self.live: dict[str, str] = {}
        # What was asked last, until it is seen to have ended: (action, stack, word, broken).
        self.asked: tuple[str, str, str, bool] | None = None
        self.was_accepted = False
        self.count = 0

    def connect(self, aws: Aws) -> None:
        self.aws = aws
        self.client = aws.client("cloudformation")

    def step(self) -> None:
        if len(self.live) < self.LIVE and self.random.random() < 0.5:
            self.count += 1
            action, stack = "create", f"stack-{self.count}"
        elif not self.live:
            return
        else:
            action = self.random.choice(("update", "delete"))
            stack = self.random.choice(sorted(self.live))
        word = self.random.randbytes(4).hex()
        self.asked = (action, stack, word, self.random.random() < 0.2)
        self.was_accepted = False
        self._ask()
        self.was_accepted = True
        self.acknowledged += 1
        self._see_end()

    def check(self) -> None:
        if self.asked is not None:
            action, stack, _, _ = self.asked
            if not self.was_accepted and not self._has_begun():
                if action == "create":
                    assert self._describe(stack) is None
            else:
                self._see_end()
            self.asked = None
        for stack, word in self.live.items():
            found = self._describe(stack)
            assert found is not None, f"{stack} is gone"
            outputs = [output["OutputValue"] for output in found["Outputs"]]
            assert outputs == [word], (stack, outputs, word)
        self._compare_resources()

    def _ask(self) -> None:
        assert self.asked is not None
        action, stack, word, broken = self.asked
        token = {"ClientRequestToken": f"{action}-{stack}-{word}"}
        if action == "delete":
            self.client.delete_stack(StackName=stack, **token)
            return
        values = {
            "Word": word,
            "Second": "yes" if int(word, 16) % 2 else "no",
            "Broken": "yes" if broken else "no",
        }
        ask = self.client.create_stack if action == "create" else self.client.update_stack
        ask(
            StackName=stack,
            TemplateBody=json.dumps(STACK),
            Capabilities=["CAPABILITY_IAM"],
            Parameters=[
                {"ParameterKey": name, "ParameterValue": value} for name, value in values.items()
            ],
            **token,
        )

    def _has_begun(self) -> bool:
        """Whether a request whose answer did not arrive was taken: its events carry its token."""
        assert self.asked is not None
        action, stack, word, _ = self.asked
        found = self._describe(stack)
        if found is None:
            # A delete that was taken may have ended by now.
            return action == "delete"
        events = self.client.describe_stack_events(StackName=found["StackId"])["StackEvents"]
        return any(e.get("ClientRequestToken") == f"{action}-{stack}-{word}" for e in events)

    def _see_end(self) -> None:
        """Wait until what was asked has ended, and hold it to how it must."""
        assert self.asked is not None
        action, stack, word, broken = self.asked

        def ended() -> str:
            found = self._describe(stack)
            status: str = "GONE" if found is None else found["StackStatus"]
            return "" if status.endswith("IN_PROGRESS") else status

        status = eventually(ended)
        expected = {
            "create": "ROLLBACK_COMPLETE" if broken else "CREATE_COMPLETE",
            "update": "UPDATE_ROLLBACK_COMPLETE" if broken else "UPDATE_COMPLETE",
            "delete": "GONE",
        }[action]
        assert status == expected, (self.asked, status, self._reasons(stack))
        self.asked = None
        if action == "delete":
            self.live.pop(stack, None)
        elif not broken:
            self.live[stack] = word
        elif action == "create":
            # A stack that was rolled back can only be deleted.
            self.asked = ("delete", stack, word, False)
            self.was_accepted = False
            self._ask()
            self.was_accepted = True
            self._see_end()

    def _describe(self, stack: str) -> dict[str, Any] | None:
        try:
            found: dict[str, Any] = self.client.describe_stacks(StackName=stack)["Stacks"][0]
        except ClientError as error:
            if error.response["Error"]["Code"] == "ValidationError":
                return None
            raise
        return found

    def _reasons(self, stack: str) -> list[str]:
        events = self.client.describe_stack_events(StackName=stack)["StackEvents"]
        return [
            f"{e['LogicalResourceId']} {e['ResourceStatus']} {e.get('ResourceStatusReason', '')}"
            for e in events
        ][:40]

    def _compare_resources(self) -> None:
        """Every resource is some stack's, and every stack's resource is there."""
        named: set[tuple[str, str]] = set()
        for stack in self.client.describe_stacks()["Stacks"]:
            assert not stack["StackStatus"].endswith("IN_PROGRESS"), stack
            resources = self.client.list_stack_resources(StackName=stack["StackId"])
            named |= {
                (r["ResourceType"], r["PhysicalResourceId"])
                for r in resources["StackResourceSummaries"]
                if not r["ResourceStatus"].startswith("DELETE")
            }
        assert named == self._resources()

    def _resources(self) -> set[tuple[str, str]]:
        """All that there is in the account but what the workloads made themselves."""
        tables = self.aws.client("dynamodb").list_tables()["TableNames"]
        buckets = [b["Name"] for b in self.aws.client("s3").list_buckets()["Buckets"]]
        functions = [
            f["FunctionName"] for f in self.aws.client("lambda").list_functions()["Functions"]
        ]
        roles = [r["RoleName"] for r in self.aws.client("iam").list_roles()["Roles"]]
        found = [
            *(("AWS::DynamoDB::Table", name) for name in tables),
            *(("AWS::S3::Bucket", name) for name in buckets),
            *(("AWS::Lambda::Function", name) for name in functions),
            *(("AWS::IAM::Role", name) for name in roles),
        ]
        return {(kind, name) for kind, name in found if not name.startswith("base-")}


FUNCTION = """
import boto3
client = boto3.client("dynamodb")

def handler(event, context):
    client.update_item(
        TableName="base-runs",
        Key={"id": {"S": event["id"]}},
        UpdateExpression="ADD runs :one",
        ExpressionAttributeValues={":one": {"N": "1"}},
    )
    return event["id"]
"""


class Invocations(Workload):
    """A function that counts its runs in a table is invoked, at once and as events."""

    TABLE = "base-runs"
    FUNCTION = "base-count"

    def __init__(self, name: str, seed: int) -> None:
        super().__init__(name, seed)
        self.answered: set[str] = set()
        self.accepted: set[str] = set()
        self.count = 0

    def connect(self, aws: Aws) -> None:
        self.dynamodb = aws.client("dynamodb")
        self.lambda_ = aws.client("lambda")
        self.iam = aws.client("iam")

    def prepare(self) -> None:
        make_table(self.dynamodb, self.TABLE)
        resources: Any = STACK["Resources"]
        trust = resources["Role"]["Properties"]["AssumeRolePolicyDocument"]
        role = self.iam.create_role(
            RoleName="base-role", AssumeRolePolicyDocument=json.dumps(trust)
        )["Role"]
        allowed = {"Effect": "Allow", "Action": "dynamodb:UpdateItem", "Resource": "*"}
        self.iam.put_role_policy(
            RoleName="base-role",
            PolicyName="count",
            PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [allowed]}),
        )
        self.lambda_.create_function(
            FunctionName=self.FUNCTION,
            Runtime="python3.12",
            Role=role["Arn"],
            Handler="index.handler",
            Timeout=30,
            Code={"ZipFile": archive(FUNCTION)},
        )

    def step(self) -> None:
        self.count += 1
        name = f"run-{self.count}"
        payload = json.dumps({"id": name}).encode()
        if self.random.random() < 0.5:
            answer = self.lambda_.invoke(
                FunctionName=self.FUNCTION, Payload=payload, InvocationType="Event"
            )
            assert answer["StatusCode"] == 202
            self.accepted.add(name)
        else:
            answer = self.lambda_.invoke(FunctionName=self.FUNCTION, Payload=payload)
            text = answer["Payload"].read()
            assert "FunctionError" not in answer, text
            assert json.loads(text) == name
            self.answered.add(name)
        self.acknowledged += 1

    def check(self) -> None:
        runs = self._runs()
        assert self.answered <= runs.keys(), self.answered - runs.keys()
        assert runs.keys() <= {f"run-{number}" for number in range(1, self.count + 1)}
        eventually(self.all_events_have_run)

    def all_events_have_run(self) -> bool:
        return self.accepted <= self._runs().keys()

    def _runs(self) -> dict[str, int]:
        items = scan(self.dynamodb, self.TABLE)
        return {item["id"]["S"]: int(item["runs"]["N"]) for item in items}


def make_table(client: Any, name: str) -> None:
    client.create_table(
        TableName=name,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
    )
    client.get_waiter("table_exists").wait(
        TableName=name, WaiterConfig={"Delay": 0, "MaxAttempts": 500}
    )


def scan(client: Any, table: str) -> list[dict[str, Any]]:
    pages = client.get_paginator("scan").paginate(TableName=table, ConsistentRead=True)
    return [item for page in pages for item in page["Items"]]


def list_objects(client: Any, bucket: str) -> dict[str, str]:
    pages = client.get_paginator("list_objects_v2").paginate(Bucket=bucket)
    return {o["Key"]: o["ETag"].strip('"') for page in pages for o in page.get("Contents", [])}


def archive(text: str) -> bytes:
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w") as opened:
        opened.writestr("index.py", text)
    return written.getvalue()
