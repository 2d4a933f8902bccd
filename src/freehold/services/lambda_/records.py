"""What Lambda stores."""

from __future__ import annotations

from typing import Any

import msgspec

LATEST = "$LATEST"


class Code(msgspec.Struct, frozen=True, kw_only=True):
    """A zip archive. `sha256` is base64, as CodeSha256 is."""

    blob: str
    sha256: str
    size: int
    unzipped_size: int = 0


class UsedLayer(msgspec.Struct, frozen=True, kw_only=True):
    """A layer version that a function uses; its code stays even if the layer is deleted."""

    arn: str
    code: Code


class Configuration(msgspec.Struct, frozen=True, kw_only=True):
    """A version of a function, or $LATEST. `revision` changes with each change of code or
    settings."""

    version: str
    runtime: str
    role: str
    handler: str
    code: Code
    revision: str
    modified: float
    description: str = ""
    timeout_s: int = 3
    memory_mb: int = 128
    ephemeral_storage_mb: int = 512
    environment: dict[str, str] | None = None
    layers: tuple[UsedLayer, ...] = ()
    architecture: str = "x86_64"
    tracing: str = "PassThrough"
    log_group: str = ""
    state: str = "Pending"
    state_reason: str | None = None
    state_reason_code: str | None = None
    update_status: str | None = None
    update_reason: str | None = None
    update_reason_code: str | None = None


class Function(msgspec.Struct, frozen=True, kw_only=True):
    """A function: what $LATEST is, and what belongs to the function as a whole.

    `last_version` is the last number that was published; numbers are not used again.
    """

    name: str
    latest: Configuration
    last_version: int = 0
    tags: dict[str, str] = {}
    reserved_concurrency: int | None = None


class Alias(msgspec.Struct, frozen=True, kw_only=True):
    """`weights` are the shares of other versions; the rest goes to `version`."""

    name: str
    version: str
    revision: str
    description: str = ""
    weights: dict[str, float] = {}


class Policy(msgspec.Struct, frozen=True, kw_only=True):
    """The resource policy of a function, version, alias or layer version. `text` is its JSON."""

    statements: tuple[dict[str, Any], ...]
    text: str
    revision: str


class Layer(msgspec.Struct, frozen=True, kw_only=True):
    """`last_version` is the last number that was published; numbers are not used again."""

    name: str
    last_version: int = 0


class LayerVersion(msgspec.Struct, frozen=True, kw_only=True):
    layer: str
    number: int
    code: Code
    created: float
    description: str = ""
    license: str | None = None
    runtimes: tuple[str, ...] = ()
    architectures: tuple[str, ...] = ()


class FunctionUrl(msgspec.Struct, frozen=True, kw_only=True):
    """`qualifier` is an alias, or "" for $LATEST."""

    id: str
    function: str
    qualifier: str
    created: float
    modified: float
    auth_type: str = "NONE"
    invoke_mode: str = "BUFFERED"
    cors: dict[str, Any] | None = None


class EventInvokeConfig(msgspec.Struct, frozen=True, kw_only=True):
    """How asynchronous invocations are tried again. None means Lambda's default."""

    qualifier: str
    modified: float
    retries_max: int | None = None
    age_s_max: int | None = None


class Usage(msgspec.Struct, frozen=True, kw_only=True):
    """Sums over an account and region, so that limits need no scan."""

    functions: int = 0
    code_bytes: int = 0
    reserved_concurrency: int = 0


class DownloadKey(msgspec.Struct, frozen=True, kw_only=True):
    """What signs the links to code: the name of the endpoint that serves them, and a secret."""

    endpoint: str
    secret: bytes
