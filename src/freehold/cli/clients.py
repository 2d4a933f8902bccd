"""Clients of a node: its public API through boto3, with the root key that its data directory holds.

Where AWS_ENDPOINT_URL and credentials are in the environment and no --data is given, those are
used: so the commands work with a node elsewhere, and as any principal. AWS's own configuration
files are not read: what is meant for AWS never reaches a node, nor the other way round.
"""

from __future__ import annotations

import asyncio
import json
import os
import urllib.error
import urllib.request
from functools import cached_property
from pathlib import Path
from typing import Any

import msgspec

from freehold import config as configs
from freehold.app import address_of, open_store
from freehold.cli.problems import Problem, no_node

HEALTH_TIMEOUT_S = 3
READ_TIMEOUT_S = 910  # a function may run for 900


class Keys(msgspec.Struct, frozen=True, kw_only=True):
    """What a client needs to speak to a node."""

    endpoint_url: str
    access_key_id: str
    secret_access_key: str
    session_token: str = ""
    region: str = "us-east-1"
    account: str = ""

    def variables(self) -> dict[str, str]:
        """The environment variables that AWS's SDKs and tools read."""
        found = {
            "AWS_ENDPOINT_URL": self.endpoint_url,
            "AWS_ACCESS_KEY_ID": self.access_key_id,
            "AWS_SECRET_ACCESS_KEY": self.secret_access_key,
            "AWS_REGION": self.region,
            "AWS_DEFAULT_REGION": self.region,
        }
        if self.session_token:
            found["AWS_SESSION_TOKEN"] = self.session_token
        return found


class Clients:
    """boto3 clients of one node, each made once."""

    def __init__(self, keys: Keys) -> None:
        self.keys = keys
        self._clients: dict[str, Any] = {}

    def __call__(self, service: str) -> Any:
        if service not in self._clients:
            self._clients[service] = self._session.client(
                service, endpoint_url=self.keys.endpoint_url, config=self._config
            )
        return self._clients[service]

    @cached_property
    def _config(self) -> Any:
        from botocore.config import Config

        return Config(
            s3={"addressing_style": "path"},
            connect_timeout=HEALTH_TIMEOUT_S,
            read_timeout=READ_TIMEOUT_S,
            retries={"mode": "standard", "total_max_attempts": 2},
        )

    @cached_property
    def _session(self) -> Any:
        import boto3
        import botocore.session

        nowhere = {
            name: (None, None, default, None)
            for name, default in (
                ("profile", None),
                ("config_file", os.devnull),
                ("credentials_file", os.devnull),
            )
        }
        return boto3.session.Session(
            aws_access_key_id=self.keys.access_key_id,
            aws_secret_access_key=self.keys.secret_access_key,
            aws_session_token=self.keys.session_token or None,
            region_name=self.keys.region,
            botocore_session=botocore.session.Session(session_vars=nowhere),
        )


def clients(data: Path | None) -> Clients:
    """Clients of the node that works in a data directory; a Problem if none runs."""
    keys = find_keys(data)
    if health(keys.endpoint_url) is None:
        raise no_node(keys.endpoint_url)
    return Clients(keys)


def find_keys(data: Path | None) -> Keys:
    """The keys in the environment, or those of the data directory."""
    if data is None:
        given = _keys_of_environment()
        if given is not None:
            return given
    return keys_of_data(data if data is not None else configs.default_data())


def keys_of_data(data: Path) -> Keys:
    """The first root key of the account that a data directory holds."""
    from freehold.services.iam import accounts

    url = address_of(data)
    if url is None:
        raise Problem(
            f"There is no node's data in {data}.",
            f"Start a node with: freehold up --data {data}   "
            "(or say where its data is: --data, FREEHOLD_DATA)",
        )
    config = configs.from_environment(data=data)
    store = open_store(config)

    async def first_key() -> Any:
        return await store.read(lambda tx: next(accounts.root_keys(tx, config.account), None))

    try:
        key = asyncio.run(first_key())
    finally:
        store.close()
    if key is None:
        raise Problem(
            f"Account {config.account} has no root key in {data}.",
            "Name the account that the node was started with: FREEHOLD_ACCOUNT",
        )
    region = (health(url) or {}).get("region") or config.region
    return Keys(
        endpoint_url=url,
        access_key_id=key.id,
        secret_access_key=key.secret,
        region=region,
        account=config.account,
    )


def health(url: str) -> dict[str, Any] | None:
    """What the node says of itself, or None where none answers."""
    if not url.startswith(("http://", "https://")):
        raise Problem(
            f"{url!r} is not an address of a node.", "It looks like http://127.0.0.1:4566"
        )
    try:
        with urllib.request.urlopen(  # noqa: S310 - checked above
            url.rstrip("/") + "/_freehold/health", timeout=HEALTH_TIMEOUT_S
        ) as answer:
            document: dict[str, Any] = json.load(answer)
    except (urllib.error.URLError, OSError, ValueError):
        return None
    return document


def _keys_of_environment() -> Keys | None:
    environment = configs.environment()
    url = environment.get("AWS_ENDPOINT_URL")
    key_id = environment.get("AWS_ACCESS_KEY_ID")
    if not url or not key_id:
        return None
    return Keys(
        endpoint_url=url,
        access_key_id=key_id,
        secret_access_key=environment.get("AWS_SECRET_ACCESS_KEY", ""),
        session_token=environment.get("AWS_SESSION_TOKEN", ""),
        region=environment.get("AWS_REGION")
        or environment.get("AWS_DEFAULT_REGION")
        or "us-east-1",
    )
