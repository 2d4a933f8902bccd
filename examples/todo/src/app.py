"""A to-do list: a page, its static files, and a JSON API on a DynamoDB table.

GET    /                    the page
GET    /static/{name}       a file of the bucket
GET    /api/items           the items, oldest first
POST   /api/items           {"title": "..."} makes one
PUT    /api/items/{id}      {"done": true} completes one, {"done": false} reopens it
DELETE /api/items/{id}      removes one
"""

import base64
import json
import logging
import os
import time
import uuid
from html import escape
from pathlib import Path
from string import Template

import boto3
from botocore.exceptions import ClientError

TITLE_LENGTH_MAX = 200
CONTENT_TYPES = {".css": "text/css", ".svg": "image/svg+xml", ".txt": "text/plain"}

log = logging.getLogger()
log.setLevel(logging.INFO)

table = boto3.resource("dynamodb").Table(os.environ["TABLE_NAME"])
s3 = boto3.client("s3")
page = Template(Path(__file__).with_name("page.html").read_text())


class NotUnderstood(ValueError):
    """The request's body is not what the API takes."""


def handler(event, context):
    method, path = event["httpMethod"], event["path"]
    parts = [part for part in path.split("/") if part]
    log.info("%s %s", method, path)
    try:
        if method == "GET" and not parts:
            return show_page()
        if method == "GET" and parts[:1] == ["static"] and len(parts) == 2:
            return static_file(parts[1])
        if parts == ["api", "items"] and method == "GET":
            return answer(200, list_items())
        if parts == ["api", "items"] and method == "POST":
            return answer(201, create_item(body_of(event)))
        if parts[:2] == ["api", "items"] and len(parts) == 3:
            if method == "PUT":
                return complete_item(parts[2], body_of(event))
            if method == "DELETE":
                table.delete_item(Key={"id": parts[2]})
                return answer(204, None)
    except NotUnderstood as error:
        return answer(400, {"message": str(error)})
    return answer(404, {"message": f"There is no {method} {path} here."})


def list_items():
    items, request = [], {}
    while True:
        found = table.scan(**request)
        items += found["Items"]
        if "LastEvaluatedKey" not in found:
            break
        request = {"ExclusiveStartKey": found["LastEvaluatedKey"]}
    items.sort(key=lambda item: item["created_at"])
    return [shown(item) for item in items]


def create_item(body):
    title = str(body.get("title", "")).strip()
    if not 0 < len(title) <= TITLE_LENGTH_MAX:
        raise NotUnderstood(f"title must have 1 to {TITLE_LENGTH_MAX} characters")
    item = {
        "id": uuid.uuid4().hex,
        "title": title,
        "done": False,
        "created_at": int(time.time() * 1000),
    }
    table.put_item(Item=item)
    return shown(item)


def complete_item(item_id, body):
    if not isinstance(body.get("done"), bool):
        raise NotUnderstood("done must be true or false")
    try:
        changed = table.update_item(
            Key={"id": item_id},
            UpdateExpression="SET done = :done",
            ConditionExpression="attribute_exists(id)",
            ExpressionAttributeValues={":done": body["done"]},
            ReturnValues="ALL_NEW",
        )
    except ClientError as error:
        if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
            raise
        return answer(404, {"message": f"There is no item {item_id}."})
    return answer(200, shown(changed["Attributes"]))


def shown(item):
    return {"id": item["id"], "title": item["title"], "done": item["done"]}


def show_page():
    title = escape(os.environ["LIST_TITLE"])
    return answer_text(200, "text/html; charset=utf-8", page.substitute(title=title))


def static_file(name):
    content_type = CONTENT_TYPES.get(Path(name).suffix)
    if content_type is None:
        return answer(404, {"message": f"There is no file {name}."})
    try:
        found = s3.get_object(Bucket=os.environ["BUCKET_NAME"], Key=name)
    except ClientError as error:
        # S3ReadPolicy lets the function list the bucket, so that a missing object is told as such.
        if error.response["Error"]["Code"] != "NoSuchKey":
            raise
        return answer(404, {"message": f"There is no file {name}."})
    return answer_text(200, content_type, found["Body"].read().decode())


def body_of(event):
    text = event.get("body") or ""
    if event.get("isBase64Encoded"):
        text = base64.b64decode(text).decode()
    try:
        body = json.loads(text)
    except ValueError:
        raise NotUnderstood("the body must be JSON") from None
    if not isinstance(body, dict):
        raise NotUnderstood("the body must be a JSON object")
    return body


def answer(status, document):
    text = "" if document is None else json.dumps(document)
    return answer_text(status, "application/json", text)


def answer_text(status, content_type, text):
    return {"statusCode": status, "headers": {"Content-Type": content_type}, "body": text}
