"""The service that the operations register on."""

from __future__ import annotations

from freehold.kernel.service import Service

service = Service("logs", invalid="InvalidParameterException")
