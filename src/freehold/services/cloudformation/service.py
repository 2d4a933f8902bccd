"""The service that the other modules register on."""

from freehold.kernel.service import Service

service = Service("cloudformation")
