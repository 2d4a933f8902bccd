import json
import os

import boto3
from boto3.dynamodb.conditions import Key

table = boto3.resource("dynamodb").Table(os.environ["TABLE"])
LIST = "mine"


def handler(event, context):
    wanted = (event.get("pathParameters") or {}).get("id")
    return ACTIONS[event["httpMethod"]](event, wanted)


def show(event, wanted):
    condition = Key("list").eq(LIST)
    if wanted:
        condition &= Key("id").eq(wanted)
    found = table.query(KeyConditionExpression=condition)["Items"]
    return answer(200, [{"id": item["id"], "text": item["text"]} for item in found])


def add(event, wanted):
    item = json.loads(event["body"])
    print("adding", item["id"])
    table.put_item(Item={"list": LIST, **item}, ConditionExpression="attribute_not_exists(id)")
    return answer(201, item)


def remove(event, wanted):
    table.delete_item(Key={"list": LIST, "id": wanted})
    return {"statusCode": 204}


def answer(status, body):
    return {
        "statusCode": status,
        "headers": {"Content-Type": "application/json"},
        "body": json.dumps(body),
    }


ACTIONS = {"GET": show, "POST": add, "DELETE": remove}
