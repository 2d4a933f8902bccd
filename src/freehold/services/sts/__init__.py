"""STS: temporary credentials.

Whole: AssumeRole (trust policies, external ids, session policies, session tags, durations,
chaining), GetSessionToken, GetFederationToken, GetCallerIdentity, GetAccessKeyInfo. A temporary
credential is a record that IAM's directory keeps until it has ended, so that a request is checked
with one read.

Services get a role's credentials the same way, as themselves: the trust policy has to name them.

    call.invoke("sts", "AssumeRole", {"RoleArn": ..., "RoleSessionName": ...},
                principal=principal.service("lambda.amazonaws.com"))

Differs from AWS on purpose: a federated user's aws:userid begins with the user's id, and root users
cannot federate; a session's tags are those that the role had when it was assumed.
Federation with SAML and web identities, MFA, transitive tags and source identities are refused.
"""

from freehold.services.sts import api  # noqa: F401 - they register on it
from freehold.services.sts.service import service

__all__ = ["service"]
