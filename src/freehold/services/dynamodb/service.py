"""The service that the other modules register on."""

from __future__ import annotations

from freehold.kernel.service import Service

service = Service("dynamodb", keeps_json=True)
