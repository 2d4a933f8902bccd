"""What an account here never has: passwords, MFA devices, certificates, identity providers.

Tools ask for these before they delete a user or describe an account. Making one is refused, so
that there are none is the truth.
"""

from __future__ import annotations

from typing import Any

from freehold.kernel.call import Call
from freehold.kernel.errors import AwsError
from freehold.kernel.service import Params
from freehold.services.iam import access, find
from freehold.services.iam.service import service

# Operation to the list that its answer has.
_OF_THE_ACCOUNT = {
    "ListOpenIDConnectProviders": "OpenIDConnectProviderList",
    "ListSAMLProviders": "SAMLProviderList",
    "ListServerCertificates": "ServerCertificateMetadataList",
    "ListVirtualMFADevices": "VirtualMFADevices",
}
_OF_A_USER = {
    "ListMFADevices": "MFADevices",
    "ListSSHPublicKeys": "SSHPublicKeys",
    "ListServiceSpecificCredentials": "ServiceSpecificCredentials",
    "ListSigningCertificates": "Certificates",
}


@service.operation("GetLoginProfile", reads=True, access=access.on_user)
def get_login_profile(call: Call, params: Params) -> dict[str, Any]:
    name = find.own_user_name(call, params)
    find.user(call, {"UserName": name})
    message = f"Login Profile for User {name} cannot be found."
    raise AwsError("NoSuchEntityException", message)


@service.operation("GetAccountPasswordPolicy", reads=True, access=access.on_account)
def get_account_password_policy(call: Call, params: Params) -> dict[str, Any]:
    message = f"The Password Policy with domain name {call.account} cannot be found."
    raise AwsError("NoSuchEntityException", message)


def _list_of_account(call: Call, params: Params) -> dict[str, Any]:
    return {_OF_THE_ACCOUNT[call.operation]: [], "IsTruncated": False}


def _list_of_user(call: Call, params: Params) -> dict[str, Any]:
    if "UserName" in params or call.principal.kind == "user":
        find.user(call, {"UserName": find.own_user_name(call, params)})
    return {_OF_A_USER[call.operation]: [], "IsTruncated": False}


for _name in _OF_THE_ACCOUNT:
    service.operation(_name, reads=True, access=access.on_account)(_list_of_account)
for _name in _OF_A_USER:
    service.operation(_name, reads=True, access=access.on_user)(_list_of_user)
