"""Lambda: functions from zip packages, their versions, aliases, layers, permissions and URLs, and
invoking them.

What works: the life of functions with states; code from the request or from S3; versions, weighted
aliases; layers with permissions; resource policies per qualifier; function URLs without
signatures; reserved concurrency, enforced on each node; Invoke in all three kinds, with
asynchronous retries as AWS documents them.

What deliberately differs: a function may be invoked and changed while it is still Pending or being
updated, since nothing is missing; a runtime that this machine has not is run by its nearest kin,
which the state reason says; one that nothing here can run is refused at once. A function URL needs
lambda:InvokeFunctionUrl only.

Not yet, and refused by name: event source mappings, destinations and dead-letter queues, container
images, VPC, file systems, SnapStart, provisioned concurrency, code signing, response streaming,
signed function URLs, JSON log format, durable functions.
"""

from freehold.services.lambda_ import (
    code,
    event_invokes,
    functions,
    invoke,
    layers,
    permissions,
    resources,
    settings,
    urls,
    versions,
)
from freehold.services.lambda_.host import LambdaHost
from freehold.services.lambda_.service import service

__all__ = [
    "LambdaHost",
    "code",
    "event_invokes",
    "functions",
    "invoke",
    "layers",
    "permissions",
    "resources",
    "service",
    "settings",
    "urls",
    "versions",
]
