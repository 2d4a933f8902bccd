"""IAM: accounts, users, groups, roles, access keys and the policies that say what they may do.

Whole: users, groups, access keys, roles with trust policies, managed policies with versions, inline
policies, permissions boundaries, instance profiles, service-linked roles, tags, account aliases,
the simulator. `directory` answers the gateway's questions (whose key is this, what may he do),
`accounts` makes accounts.

Differs from AWS on purpose:

* Changes hold at once; AWS's take seconds.
* AWS's own managed policies are a table of the usual ones (aws_managed.json). Another one cannot be
  attached, and says so, instead of granting nothing.
* When a key or role was last used is not recorded: GetAccessKeyLastUsed answers "N/A", as AWS does
  for keys that it has not seen yet.
* The simulator decides, but does not name the statements that matched.
* A principal named in a trust policy is checked to exist only if its account lives here.

Passwords and the console's login, MFA, identity providers, certificates, SSH keys and reports are
refused.
"""

from freehold.services.iam import api, resources  # noqa: F401 - they register on it
from freehold.services.iam.service import service

__all__ = ["service"]
