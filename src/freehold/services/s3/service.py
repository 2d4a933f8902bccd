"""The service on which the other modules register."""

from freehold.kernel.service import Service

service = Service("s3")
