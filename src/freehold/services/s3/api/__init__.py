"""S3's operations, one function each; importing the modules registers them."""

from freehold.services.s3.api import (
    buckets,
    configurations,
    copying,
    listing,
    objects,
    reading,
    uploads,
)

__all__ = ["buckets", "configurations", "copying", "listing", "objects", "reading", "uploads"]
