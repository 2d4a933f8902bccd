"""Sealing of SecureString values: AES-256-GCM, bound to the parameter's ARN and version."""

from __future__ import annotations

import base64

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from freehold.kernel.call import Call
from freehold.services.ssm import store

KEY_BYTES = 32
_NONCE_BYTES = 12


def seal(call: Call, arn: str, number: int, value: str) -> str:
    """The sealed value in base64. The account's key for the region is made when it is first
    needed."""
    key = store.load_sealing_key(call.tx, call.scope)
    if key is None:
        key = call.node.chance.bytes(KEY_BYTES)
        store.save_sealing_key(call.tx, call.scope, key)
    nonce = call.node.chance.bytes(_NONCE_BYTES)
    sealed = AESGCM(key).encrypt(nonce, value.encode(), _bound_to(arn, number))
    return base64.b64encode(nonce + sealed).decode()


def unseal(call: Call, arn: str, number: int, sealed: str) -> str:
    key = store.load_sealing_key(call.tx, call.scope)
    assert key is not None, "a value was sealed, so there is a key"
    raw = base64.b64decode(sealed)
    value = AESGCM(key).decrypt(raw[:_NONCE_BYTES], raw[_NONCE_BYTES:], _bound_to(arn, number))
    return value.decode()


def _bound_to(arn: str, number: int) -> bytes:
    return f"{arn}:{number}".encode()
