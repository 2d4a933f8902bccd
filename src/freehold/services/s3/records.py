"""Everything S3 stores."""

from __future__ import annotations

from typing import Any

import msgspec


class PublicAccessBlock(msgspec.Struct, frozen=True, kw_only=True):
    """The four settings; new buckets have all of them on, as at AWS since April 2023."""

    block_public_acls: bool = True
    ignore_public_acls: bool = True
    block_public_policy: bool = True
    restrict_public_buckets: bool = True


class Bucket(msgspec.Struct, frozen=True, kw_only=True):
    """A bucket, with what every request needs. `id` is new for each bucket, also for a name used
    before, so that nothing a deleted bucket leaves behind shows in its successor.
    """

    name: str
    id: str
    account: str
    region: str
    created_at: float
    versioning: str = ""
    policy: str | None = None
    policy_is_public: bool = False
    public_access_block: PublicAccessBlock | None = PublicAccessBlock()
    ownership: str | None = "BucketOwnerEnforced"
    has_notifications: bool = False

    @property
    def arn(self) -> str:
        return f"arn:aws:s3:::{self.name}"

    def object_arn(self, key: str) -> str:
        return f"arn:aws:s3:::{self.name}/{key}"


class OwnedBucket(msgspec.Struct, frozen=True, kw_only=True):
    """The line of a bucket in its account's list."""

    created_at: float
    region: str


class Configuration(msgspec.Struct, frozen=True, kw_only=True):
    """One of a bucket's configurations (tagging, cors, website, ...), in the words of the API."""

    document: dict[str, Any]


class Checksum(msgspec.Struct, frozen=True, kw_only=True):
    """`value` is base64, with "-N" after it where it is a checksum of the checksums of N parts."""

    algorithm: str
    value: str
    type: str = "FULL_OBJECT"


class Object(msgspec.Struct, frozen=True, kw_only=True):
    """A version of an object, or a delete marker.

    `stamp` orders the versions of a key, newest first, and names this one's small body. `version`
    is what the API calls the version: the stamp, or "null". `content` is the id of the body's
    content, or "" for a small one, which is stored in the store under the stamp.
    """

    stamp: str
    version: str
    modified_at: int
    etag: str = ""
    size: int = 0
    content: str = ""
    parts: int = 0
    headers: dict[str, str] = {}
    metadata: dict[str, str] = {}
    tags: dict[str, str] = {}
    storage_class: str = "STANDARD"
    checksum: Checksum | None = None
    is_marker: bool = False


class Piece(msgspec.Struct, frozen=True, kw_only=True):
    """A part of an object that was uploaded in parts. `number` is the one its uploader gave it."""

    blob_id: str
    size: int
    number: int
    checksum: Checksum | None = None


class Content(msgspec.Struct, frozen=True, kw_only=True):
    """A body on disk: one blob whose id is the content's, or pieces in order.

    Copies of an object share it: `references` counts the objects and parts that name it. At 0 it
    stays a while for the readers who have begun. A piece's own Content says that its blob is in
    use.
    """

    references: int = 1
    pieces: tuple[Piece, ...] = ()


class Upload(msgspec.Struct, frozen=True, kw_only=True):
    """An upload in parts, in progress. Its id begins with the time: ids order uploads."""

    key: str
    initiated_at: int
    initiator: str
    headers: dict[str, str] = {}
    metadata: dict[str, str] = {}
    tags: dict[str, str] = {}
    storage_class: str = "STANDARD"
    checksum_algorithm: str | None = None
    checksum_type: str | None = None


class Part(msgspec.Struct, frozen=True, kw_only=True):
    content: str
    size: int
    etag: str
    modified_at: int
    checksum: Checksum | None = None


class CompletedUpload(msgspec.Struct, frozen=True, kw_only=True):
    """What the completion of an upload answered, for a client that did not hear it."""

    key: str
    etag: str
    version: str
    checksum: Checksum | None = None
