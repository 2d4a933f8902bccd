"""SSM: Parameter Store.

Whole: parameters of the types String, StringList and SecureString with their versions, labels,
tiers, allowed patterns, tags, paths and filters. A SecureString's value is sealed (AES-256-GCM)
with a key that every account has in each region, kept in the store: who reads a backup's values
needs the key, which is in the backup, so this protects values in transit through logs and lists
rather than from the operator.

Differs from AWS on purpose:

* SecureStrings are sealed with that key (shown as alias/aws/ssm) until KMS is here; another KeyId
  is refused.
* Parameter policies, data types other than text, and parameters shared between accounts are
  refused.
* The public parameters under /aws/service are not here.

Everything else of Systems Manager (documents, sessions, patches, inventory) is refused.
"""

from freehold.services.ssm import api, resources  # noqa: F401 - they register on it
from freehold.services.ssm.service import service

__all__ = ["service"]
