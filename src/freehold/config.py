"""Settings of a node: from the command line, else from FREEHOLD_* variables, else defaults.

The only reader of the environment.
"""

from __future__ import annotations

import os
from pathlib import Path

import msgspec

from freehold.kernel.node import Settings


class Config(msgspec.Struct, frozen=True, kw_only=True):
    """What `freehold up` takes.

    data      the directory with everything that the node keeps (FREEHOLD_DATA)
    host      the address to listen on (FREEHOLD_HOST)
    port      the port; 0 takes a free one (FREEHOLD_PORT)
    auth      "iam", or "open" to take any credentials (FREEHOLD_AUTH)
    region    the region of requests that name none (FREEHOLD_REGION)
    account   the account that the first start makes (FREEHOLD_ACCOUNT)
    store     "" for LMDB under `data`, or a PostgreSQL address: postgresql://... (FREEHOLD_STORE)
    domain    the suffix of host names of deployed APIs (FREEHOLD_DOMAIN)
    tls       "" or "cert.pem:key.pem" to serve TLS (FREEHOLD_TLS)
    isolation "auto", or "process" to run functions without a sandbox (FREEHOLD_ISOLATION)
    """

    data: Path
    host: str = "127.0.0.1"
    port: int = 4566
    auth: str = "iam"
    region: str = "us-east-1"
    account: str = "000000000000"
    store: str = ""
    domain: str = "localhost"
    tls: str = ""
    isolation: str = "auto"

    def settings(self, host: str, port: int) -> Settings:
        scheme = "https" if self.tls else "http"
        return Settings(
            account=self.account,
            region=self.region,
            endpoint_url=f"{scheme}://{host}:{port}",
            domain=self.domain,
            open_auth=self.auth == "open",
        )


def default_data() -> Path:
    """FREEHOLD_DATA, or .freehold in the working directory."""
    return Path(os.environ.get("FREEHOLD_DATA", ".freehold"))


def from_environment(**given: object) -> Config:
    """A Config from what was given (None: not given), the environment and the defaults."""
    values: dict[str, object] = {}
    for field in msgspec.structs.fields(Config):
        value = given.get(field.name)
        if value is None:
            value = os.environ.get(f"FREEHOLD_{field.name.upper()}")
        if value is not None:
            values[field.name] = value
    values.setdefault("data", default_data())
    return msgspec.convert(values, Config, strict=False, dec_hook=lambda kind, value: kind(value))


def environment() -> dict[str, str]:
    """The process's environment, for programs that the node starts (interpreters need PATH)."""
    return dict(os.environ)
