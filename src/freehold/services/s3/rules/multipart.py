"""What makes parts a whole ("Amazon S3 multipart upload limits", "CompleteMultipartUpload")."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from freehold.services.s3 import errors
from freehold.services.s3.records import Checksum, Part, Upload
from freehold.services.s3.rules import checksums

PART_BYTES_MIN = 5 * 1024**2
PARTS_MAX = 10_000
_FULL_OBJECT = ("CRC32", "CRC32C", "CRC64NVME")


def checksum_type(algorithm: str | None, wanted: str | None) -> tuple[str | None, str | None]:
    """(algorithm, type) of a new upload. Only CRCs of parts combine to that of the whole."""
    if algorithm is None:
        if wanted is not None:
            raise errors.invalid_request(
                "The x-amz-checksum-type header can only be used with the x-amz-checksum-algorithm "
                "header."
            )
        return None, None
    checksums.named(algorithm)
    default = "FULL_OBJECT" if algorithm == "CRC64NVME" else "COMPOSITE"
    kind = wanted or default
    impossible = (kind == "FULL_OBJECT" and algorithm not in _FULL_OBJECT) or (
        kind == "COMPOSITE" and algorithm == "CRC64NVME"
    )
    if impossible:
        raise errors.invalid_request(
            f"The {kind} checksum type cannot be used with the {algorithm.lower()} checksum "
            "algorithm."
        )
    return algorithm, kind


def check_number(number: int) -> None:
    if not 1 <= number <= PARTS_MAX:
        raise errors.invalid_argument(
            "Part number must be an integer between 1 and 10000, inclusive",
            "partNumber",
            str(number),
        )


def check_algorithm(upload: Upload, params: Mapping[str, Any]) -> None:
    """A part may not bring another checksum than its upload was begun with."""
    given = checksums.given(params)
    name = given[0].name if given else params.get("ChecksumAlgorithm")
    expected = upload.checksum_algorithm
    if name is not None and expected is not None and name != expected:
        raise errors.invalid_request(
            f"Checksum Type mismatch occurred, expected checksum Type: {expected.lower()}, "
            f"actual checksum Type: {name.lower()}"
        )


def chosen(
    upload_id: str,
    upload: Upload,
    named: Sequence[Mapping[str, Any]],
    uploaded: Mapping[int, Part],
) -> list[tuple[int, Part]]:
    """The parts that the completion names, in order, each what its uploader believes it to be."""
    if not named or len(named) > PARTS_MAX:
        raise errors.malformed_xml()
    found: list[tuple[int, Part]] = []
    for entry in named:
        number = entry.get("PartNumber")
        if number is None:
            raise errors.malformed_xml()
        if found and number <= found[-1][0]:
            raise errors.invalid_part_order(upload_id)
        part = uploaded.get(number)
        etag = str(entry.get("ETag", "")).strip('"')
        if part is None or etag != part.etag:
            raise errors.invalid_part(upload_id, number, etag)
        _check_part_checksum(upload_id, upload, entry, number, part)
        found.append((number, part))
    for number, part in found[:-1]:
        if part.size < PART_BYTES_MIN:
            raise errors.entity_too_small(part.size, PART_BYTES_MIN, number, part.etag)
    return found


def whole_checksum(upload: Upload, parts: Sequence[Part]) -> Checksum | None:
    """The object's checksum from those of its parts."""
    if upload.checksum_algorithm is None:
        return None
    algorithm = checksums.named(upload.checksum_algorithm)
    known = [(part.checksum.value, part.size) for part in parts if part.checksum is not None]
    assert len(known) == len(parts), "every part of such an upload has a checksum"
    if upload.checksum_type == "FULL_OBJECT":
        return checksums.combined(algorithm, known)
    return checksums.composite(algorithm, [value for value, _ in known])


def check_whole(params: Mapping[str, Any], size: int, checksum: Checksum | None) -> None:
    """What the completion itself claims of the whole."""
    claimed = params.get("MpuObjectSize")
    if claimed is not None and claimed != size:
        raise errors.invalid_request(
            f"The provided 'x-amz-mp-object-size' header value {claimed} does not match what was "
            f"computed: {size}"
        )
    kind = params.get("ChecksumType")
    if kind is not None and checksum is not None and kind != checksum.type:
        raise errors.invalid_request(
            "The upload was created using the "
            f"{checksum.type} checksum mode. The complete request must use the same checksum mode."
        )
    for algorithm in checksums.ALGORITHMS.values():
        value = params.get(algorithm.member)
        if value is None:
            continue
        if checksum is None or checksum.algorithm != algorithm.name or checksum.value != value:
            raise errors.bad_digest(algorithm.name)


def _check_part_checksum(
    upload_id: str, upload: Upload, entry: Mapping[str, Any], number: int, part: Part
) -> None:
    for algorithm in checksums.ALGORITHMS.values():
        value = entry.get(algorithm.member)
        if value is None:
            continue
        known = part.checksum
        if known is not None and (known.algorithm, known.value) != (algorithm.name, value):
            raise errors.invalid_part(upload_id, number, part.etag)
    if upload.checksum_type == "COMPOSITE":
        assert upload.checksum_algorithm is not None
        if entry.get(f"Checksum{upload.checksum_algorithm}") is None:
            name = upload.checksum_algorithm.lower()
            raise errors.invalid_request(
                f"The upload was created using a {name} checksum. The complete request must "
                f"include the checksum for each part. It was missing for part {number} in the "
                "request."
            )
