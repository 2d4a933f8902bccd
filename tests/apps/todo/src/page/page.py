import html
import os


def handler(event, context):
    print("page", event["path"])
    title = html.escape(os.environ["TITLE"])
    return {
        "statusCode": 200,
        "headers": {"Content-Type": "text/html; charset=utf-8"},
        "body": f"<!doctype html><title>{title}</title>"
        f"<link rel=stylesheet href={os.environ['STYLE']}><h1>{title}</h1>"
        f"<p>{html.escape(event['path'])}</p>",
    }
