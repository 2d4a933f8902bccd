"""S3's errors: code, status and words as its "List of error codes" has them."""

from __future__ import annotations

from typing import Any

from freehold.kernel.errors import AwsError

Headers = tuple[tuple[str, str], ...]


def no_such_bucket(name: str) -> AwsError:
    return AwsError(
        "NoSuchBucket", "The specified bucket does not exist", status=404, BucketName=name
    )


def bucket_already_exists(name: str) -> AwsError:
    return AwsError(
        "BucketAlreadyExists",
        "The requested bucket name is not available. The bucket namespace is shared by all users "
        "of the system. Please select a different name and try again.",
        status=409,
        BucketName=name,
    )


def bucket_already_owned_by_you(name: str) -> AwsError:
    return AwsError(
        "BucketAlreadyOwnedByYou",
        "Your previous request to create the named bucket succeeded and you already own it.",
        status=409,
        BucketName=name,
    )


def bucket_not_empty(name: str, *, versioned: bool) -> AwsError:
    more = " You must delete all versions in the bucket." if versioned else ""
    return AwsError(
        "BucketNotEmpty",
        f"The bucket you tried to delete is not empty.{more}",
        status=409,
        BucketName=name,
    )


def invalid_bucket_name(name: str) -> AwsError:
    return AwsError("InvalidBucketName", "The specified bucket is not valid.", BucketName=name)


def illegal_location(location: str | None) -> AwsError:
    return AwsError(
        "IllegalLocationConstraintException",
        f"The {location or 'unspecified'} location constraint is incompatible for the region "
        "specific endpoint this request was sent to.",
    )


def no_such_key(key: str, headers: Headers = ()) -> AwsError:
    return AwsError(
        "NoSuchKey", "The specified key does not exist.", status=404, headers=headers, Key=key
    )


def no_such_version(key: str, version: str) -> AwsError:
    return AwsError(
        "NoSuchVersion",
        "The specified version does not exist.",
        status=404,
        Key=key,
        VersionId=version,
    )


def no_such_upload(upload_id: str) -> AwsError:
    return AwsError(
        "NoSuchUpload",
        "The specified upload does not exist. The upload ID may be invalid, or the upload may have "
        "been aborted or completed.",
        status=404,
        UploadId=upload_id,
    )


def method_not_allowed(method: str, headers: Headers = ()) -> AwsError:
    return AwsError(
        "MethodNotAllowed",
        "The specified method is not allowed against this resource.",
        status=405,
        headers=headers,
        Method=method,
        ResourceType="DeleteMarker",
    )


def access_denied() -> AwsError:
    return AwsError("AccessDenied", "Access Denied", status=403)


def public_policy_blocked(name: str, who: str) -> AwsError:
    return AwsError(
        "AccessDenied",
        f"User: {who} is not authorized to perform: s3:PutBucketPolicy on resource: "
        f'"arn:aws:s3:::{name}" because public policies are prevented by the BlockPublicPolicy '
        "setting in S3 Block Public Access.",
        status=403,
    )


def invalid_argument(message: str, name: str, value: str) -> AwsError:
    return AwsError("InvalidArgument", message, ArgumentName=name, ArgumentValue=value)


def invalid_request(message: str) -> AwsError:
    return AwsError("InvalidRequest", message)


def malformed_xml() -> AwsError:
    return AwsError(
        "MalformedXML",
        "The XML you provided was not well-formed or did not validate against our published schema",
    )


def malformed_policy(message: str) -> AwsError:
    return AwsError("MalformedPolicy", message)


def key_too_long(size: int) -> AwsError:
    return AwsError(
        "KeyTooLongError", "Your key is too long", Size=str(size), MaxSizeAllowed="1024"
    )


def metadata_too_large(size: int, size_max: int) -> AwsError:
    return AwsError(
        "MetadataTooLarge",
        "Your metadata headers exceed the maximum allowed metadata size",
        Size=str(size),
        MaxSizeAllowed=str(size_max),
    )


def entity_too_large(size: int, size_max: int) -> AwsError:
    return AwsError(
        "EntityTooLarge",
        "Your proposed upload exceeds the maximum allowed size",
        ProposedSize=str(size),
        MaxSizeAllowed=str(size_max),
    )


def entity_too_small(size: int, size_min: int, number: int, etag: str) -> AwsError:
    return AwsError(
        "EntityTooSmall",
        "Your proposed upload is smaller than the minimum allowed size",
        ProposedSize=str(size),
        MinSizeAllowed=str(size_min),
        PartNumber=str(number),
        ETag=etag,
    )


def invalid_part(upload_id: str, number: int, etag: str) -> AwsError:
    return AwsError(
        "InvalidPart",
        "One or more of the specified parts could not be found.  The part may not have been "
        "uploaded, or the specified entity tag may not match the part's entity tag.",
        UploadId=upload_id,
        PartNumber=str(number),
        ETag=etag,
    )


def invalid_part_order(upload_id: str) -> AwsError:
    return AwsError(
        "InvalidPartOrder",
        "The list of parts was not in ascending order. Parts must be ordered by part number.",
        UploadId=upload_id,
    )


def invalid_part_number(requested: int, count: int) -> AwsError:
    return AwsError(
        "InvalidPartNumber",
        "The requested partnumber is not satisfiable",
        status=416,
        PartNumberRequested=str(requested),
        ActualPartCount=str(count),
    )


def invalid_range(requested: str, size: int) -> AwsError:
    return AwsError(
        "InvalidRange",
        "The requested range is not satisfiable",
        status=416,
        headers=(("content-range", f"bytes */{size}"),),
        RangeRequested=requested,
        ActualObjectSize=str(size),
    )


def precondition_failed(condition: str) -> AwsError:
    return AwsError(
        "PreconditionFailed",
        "At least one of the pre-conditions you specified did not hold",
        status=412,
        Condition=condition,
    )


def bad_digest(algorithm: str) -> AwsError:
    return AwsError(
        "BadDigest", f"The {algorithm} you specified did not match the calculated checksum."
    )


def bad_md5(expected: str, calculated: str) -> AwsError:
    return AwsError(
        "BadDigest",
        "The Content-MD5 you specified did not match what we received.",
        ExpectedDigest=expected,
        CalculatedDigest=calculated,
    )


def invalid_digest(value: str) -> AwsError:
    members: dict[str, Any] = {"Content-MD5": value}
    return AwsError("InvalidDigest", "The Content-MD5 you specified was invalid.", **members)


def invalid_checksum(header: str) -> AwsError:
    return invalid_request(f"Value for {header} header is invalid.")


def header_not_implemented(header: str) -> AwsError:
    return AwsError(
        "NotImplemented",
        "A header you provided implies functionality that is not implemented",
        status=501,
        Header=header,
    )


def acl_not_supported() -> AwsError:
    return AwsError("AccessControlListNotSupported", "The bucket does not allow ACLs")


def invalid_storage_class(value: str) -> AwsError:
    return AwsError(
        "InvalidStorageClass",
        "The storage class you specified is not valid",
        StorageClassRequested=value,
    )


def invalid_tag(message: str) -> AwsError:
    return AwsError("InvalidTag", message)


def no_configuration(code: str, message: str, bucket: str) -> AwsError:
    return AwsError(code, message, status=404, BucketName=bucket)
