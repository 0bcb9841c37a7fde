"""How OSS refuses: status, code and message of each error, in one place.

Codes and statuses follow the exception classes of oss2 2.19.1 and OSS's error pages. Messages are ours, close to the
service's. EC numbers stand where OSS's pages or issue trackers show them; the others are left out.
"""

from __future__ import annotations

from collections.abc import Mapping

_MAX_SHOWN = 200
"""Characters of a request that an error repeats at most: oss2 reads 2,048 bytes of an error."""


class OSSErrorResponse(Exception):
    """A request is refused the way OSS refuses it.

    Attributes:
        status: HTTP status.
        code: OSS error code, such as ``NoSuchKey``.
        message: what the service says.
        ec: number of the error in OSS's documentation; empty when it is not known.
        details: further elements of the error document.
        headers: further headers of the answer.
    """

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        ec: str = "",
        details: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(f"{code}: {message}")
        self.status = status
        self.code = code
        self.message = message
        self.ec = ec
        self.details = dict(details or {})
        self.headers = dict(headers or {})


def no_such_bucket(bucket: str) -> OSSErrorResponse:
    """Return the error for a bucket that does not exist."""
    message = "The specified bucket does not exist."
    return OSSErrorResponse(404, "NoSuchBucket", message, ec="0015-00000101", details={"BucketName": bucket})


def no_such_key(key: str) -> OSSErrorResponse:
    """Return the error for an object that does not exist."""
    return OSSErrorResponse(
        404, "NoSuchKey", "The specified key does not exist.", ec="0026-00000001", details={"Key": key}
    )


def symlink_target_not_exist(key: str) -> OSSErrorResponse:
    """Return the error to read through a link to a target that does not exist."""
    message = "The target object of the symbolic link does not exist."
    return OSSErrorResponse(404, "SymlinkTargetNotExist", message, ec="0026-00000012", details={"Key": key})


def invalid_target_type(key: str) -> OSSErrorResponse:
    """Return the error to read through a link that leads to a link."""
    message = "The target object of the symbolic link is a symbolic link itself."
    return OSSErrorResponse(400, "InvalidTargetType", message, details={"Key": key})


def not_a_symlink(key: str) -> OSSErrorResponse:
    """Return the error to tell where an ordinary object leads."""
    return OSSErrorResponse(400, "NotSymlink", "The object is not a symbolic link.", details={"Key": key})


def no_such_upload(upload_id: str) -> OSSErrorResponse:
    """Return the error for a multipart upload that is unknown, completed or aborted."""
    message = "The specified upload does not exist. The upload ID may be invalid, aborted or completed."
    return OSSErrorResponse(404, "NoSuchUpload", message, details={"UploadId": upload_id})


def file_already_exists() -> OSSErrorResponse:
    """Return the error of ``x-oss-forbid-overwrite`` and of the runner's own no-overwrite puts."""
    return OSSErrorResponse(
        409, "FileAlreadyExists", "The object you specified already exists and can not be overwritten."
    )


def bucket_not_empty(bucket: str) -> OSSErrorResponse:
    """Return the error to delete a bucket that holds objects or unfinished uploads."""
    return OSSErrorResponse(
        409, "BucketNotEmpty", "The bucket you tried to delete is not empty.", details={"BucketName": bucket}
    )


def position_not_equal_to_length(length: int) -> OSSErrorResponse:
    """Return the error of an append at another position than the object's length.

    oss2 reads the length from the header, so the header is part of the error.
    """
    message = "Position is not equal to file length"
    return OSSErrorResponse(
        409, "PositionNotEqualToLength", message, headers={"x-oss-next-append-position": str(length)}
    )


def object_not_appendable() -> OSSErrorResponse:
    """Return the error to append to an object that was not created by appending."""
    return OSSErrorResponse(409, "ObjectNotAppendable", "The object is not appendable")


def invalid_argument(message: str, name: str = "", value: str = "") -> OSSErrorResponse:
    """Return the error of a parameter or header with a wrong value."""
    return OSSErrorResponse(
        400, "InvalidArgument", message, details={"ArgumentName": name, "ArgumentValue": value[:_MAX_SHOWN]}
    )


def not_implemented(what: str) -> OSSErrorResponse:
    """Return the error of what OSS can do and local OSS can not; it is never silently ignored."""
    return OSSErrorResponse(400, "NotImplemented", f"Local OSS does not implement {what}.")


def method_not_allowed(method: str) -> OSSErrorResponse:
    """Return the error of a method that the addressed resource does not have."""
    message = "The specified method is not allowed against this resource."
    return OSSErrorResponse(405, "MethodNotAllowed", message, details={"Method": method})


def access_denied(message: str) -> OSSErrorResponse:
    """Return the error of anonymous, expired or undated requests."""
    return OSSErrorResponse(403, "AccessDenied", message)


def invalid_digest() -> OSSErrorResponse:
    """Return the error of a body that is not what its Content-MD5 says."""
    return OSSErrorResponse(400, "InvalidDigest", "The Content-MD5 you specified is not valid.")


def disk_full() -> OSSErrorResponse:
    """Return the error of a write for which the disk of this machine has no space; OSS itself has no such error."""
    message = "The disk that this local OSS keeps its objects on is full. Delete objects, or make room on the disk."
    return OSSErrorResponse(507, "DiskFull", message)


def malformed_xml() -> OSSErrorResponse:
    """Return the error of a request document that can't be read."""
    message = "The XML you provided was not well-formed or did not validate against our published schema."
    return OSSErrorResponse(400, "MalformedXML", message)
