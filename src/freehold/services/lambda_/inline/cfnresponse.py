"""Tell CloudFormation how a custom resource's request went.

    import cfnresponse
    cfnresponse.send(event, context, cfnresponse.SUCCESS, {"Answer": "42"})

The object that is put to the request's ResponseURL is described under "Custom resource response
objects" in the CloudFormation user guide. This file is placed beside inline code, so it needs
nothing but Python 3.
"""

import json
import urllib.request

SUCCESS = "SUCCESS"
FAILED = "FAILED"


def send(  # type: ignore[no-untyped-def]
    event,
    context,
    responseStatus,
    responseData,
    physicalResourceId=None,
    noEcho=False,
    reason=None,
):
    log = f"See the details in CloudWatch Log Stream: {context.log_stream_name}"
    answer = {
        "Status": responseStatus,
        "Reason": reason or log,
        "PhysicalResourceId": physicalResourceId or context.log_stream_name,
        "StackId": event["StackId"],
        "RequestId": event["RequestId"],
        "LogicalResourceId": event["LogicalResourceId"],
        "NoEcho": noEcho,
        "Data": responseData,
    }
    request = urllib.request.Request(  # noqa: S310 - the address is CloudFormation's
        event["ResponseURL"],
        data=json.dumps(answer).encode(),
        # The link is signed for an empty content type.
        headers={"Content-Type": ""},
        method="PUT",
    )
    try:
        with urllib.request.urlopen(request) as response:  # noqa: S310
            print("CloudFormation was answered:", response.status)
    except OSError as error:
        # There is nobody to tell but the log; CloudFormation waits until it gives up.
        print("CloudFormation could not be answered:", error)
