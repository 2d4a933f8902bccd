"""API Gateway, HTTP APIs: the control plane, and the data plane that answers deployed APIs.

Works: APIs by hand, by quick create and from OpenAPI 3 documents (JSON or YAML), routes with
{variable} and {proxy+}, $default, Lambda proxy integrations in both payload formats, stages with
variables and automatic deployment, CORS answered by the gateway, Lambda authorizers (simple and
policy answers, cached in the store), JWT authorizers (RSA), AWS_IAM, throttles of stages and
routes, parameter mapping, tags.

Differs on purpose:
- Recorded but without effect: access log settings, detailed metrics and logging levels of stages.
- An automatic deployment is dropped as soon as the next replaces it.
- Resetting the authorizers' cache of a stage resets that of the API's other stages too.

Refused: WebSocket APIs, HTTP_PROXY and AWS service integrations, VPC links, custom domains and
mappings, models, export, portals.
"""

from freehold.services.apigatewayv2 import execute, resources
from freehold.services.apigatewayv2.access import service
from freehold.services.apigatewayv2.api import api, route, stage

__all__ = ["api", "execute", "resources", "route", "service", "stage"]
