"""Amazon S3: general purpose buckets.

What works: buckets (policies, public access block, versioning, tags, default encryption, CORS,
websites, lifecycle, event notifications), objects (ranges, conditions, metadata, tags, checksums,
copies, multipart uploads, browsers' forms), listings of all kinds. parity.toml has the list.

What deliberately differs from AWS:

- A bucket answers at the endpoint of every region; AWS redirects to that of its own.
- A copy shares the body of its source on disk, and with it keeps its ETag and its parts; at AWS the
  copy of an object that was uploaded in parts is one of a single part.
- An object put without a checksum has none; AWS computes a CRC64NVME for it.
- SSE-S3 is recorded and answered; the bytes on disk are as safe as the disk's own encryption makes
  them.
- ACLs say only what holds anyway: all belongs to the bucket's account. Others are refused.
"""

from freehold.services.s3 import api, lifecycle, posting, resources, sites, tasks
from freehold.services.s3.service import service

__all__ = ["api", "lifecycle", "posting", "resources", "service", "sites", "tasks"]
