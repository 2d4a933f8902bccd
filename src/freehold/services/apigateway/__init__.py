"""API Gateway, REST APIs: the control plane, and the data plane that answers deployed APIs.

Works: APIs by hand and from OpenAPI 2 and 3 documents (JSON or YAML), resources with {param} and
{proxy+}, methods, deployments as snapshots, stages with variables, Lambda proxy integrations, MOCK
and Lambda integrations with mapping templates (`velocity`), operations of services that speak JSON
(dynamodb:action/PutItem) as integrations, Lambda authorizers (TOKEN and
REQUEST, their answers cached in the store), AWS_IAM, resource policies, request validators and
models, gateway responses, API keys with usage plans whose throttles and quotas hold, method
throttles, compression, tags.

Differs on purpose:
- Recorded but without effect: logging levels, metrics and tracing of stages, access log settings,
  the account's CloudWatch role, cache keys of integrations. They change what is observed, not what
  is answered.
- EDGE endpoints answer like REGIONAL ones.
- AWS's account-wide throttle (10,000 requests a second) is not enforced; lower ones of stages are.
- Flushing the authorizers' cache of a stage flushes that of the API's other stages too.
- Header names reach functions in their usual form (Authorization), or else in lower case.

Refused: HTTP integrations, other AWS integrations (s3, sqs, sns, by path), VPC links, Velocity's
macros, request overrides, response caching, canaries, Cognito and JWT authorizers, private APIs,
response streaming, custom domains, documentation parts, client certificates, SDK generation, test
invocations.
"""

from freehold.services.apigateway import execute, resources
from freehold.services.apigateway.access import service
from freehold.services.apigateway.api import (
    account,
    definition,
    deployment,
    method,
    resource,
    rest_api,
    usage,
)

__all__ = [
    "account",
    "definition",
    "deployment",
    "execute",
    "method",
    "resource",
    "resources",
    "rest_api",
    "service",
    "usage",
]
