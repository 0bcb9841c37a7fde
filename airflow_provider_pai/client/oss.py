"""Objects in OSS, on the ``oss2`` library."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Any

import oss2
import tenacity

from airflow_provider_pai.client.config import ClientConfig, is_loopback
from airflow_provider_pai.client.http import is_passing
from airflow_provider_pai.client.source import SourcePackage, packed
from airflow_provider_pai.errors import (
    APIError,
    AuthError,
    ConflictError,
    NotFoundError,
    PAIError,
    ServerError,
    TransportError,
)
from airflow_provider_pai.model.spec import CodeLocation
from airflow_provider_pai.model.uri import OssUri

MULTIPART_THRESHOLD = 32 * 1024 * 1024
"""Bytes above which a file is uploaded in parts."""
CODE_PREFIX = "pai/training_src"
# The library logs every answer it takes for an error, a look-up of what isn't there among them, with all headers.
logging.getLogger("oss2").setLevel(logging.WARNING)
_FORBID_OVERWRITE = {"x-oss-forbid-overwrite": "true"}


_repeated = tenacity.retry(
    retry=tenacity.retry_if_exception(lambda error: isinstance(error, PAIError) and is_passing(error)),
    stop=tenacity.stop_after_attempt(4),
    wait=tenacity.wait_random_exponential(multiplier=0.5, max=10),
    reraise=True,
)
"""All that is done here may be done twice: reading, and writing the same bytes to the same key."""


class ObjectStorage:
    """Reads and writes objects with one identity. Safe to use from several threads.

    Args:
        config: who asks, and where OSS is.
    """

    def __init__(self, config: ClientConfig) -> None:
        self._config = config
        self._session = oss2.Session()
        if is_loopback(config.oss_url):
            self._session.session.trust_env = False

    def close(self) -> None:
        """Close the connections."""
        self._session.session.close()

    @_repeated
    def exists(self, uri: OssUri) -> bool:
        """Whether there is an object at a URI, or for a folder any object below it."""
        with _errors("look up", uri):
            if not uri.is_folder:
                return bool(self._bucket(uri).object_exists(uri.key))
            return bool(self._bucket(uri).list_objects_v2(prefix=uri.key, max_keys=1).object_list)

    def objects(self, uri: OssUri) -> Iterator[tuple[OssUri, int]]:
        """Yield every object below a folder with its size in bytes, in the order of the keys."""
        with _errors("list", uri):
            for item in oss2.ObjectIteratorV2(self._bucket(uri), prefix=uri.key):
                yield OssUri(uri.bucket, item.key, uri.endpoint), item.size

    @_repeated
    def write(self, uri: OssUri, content: bytes) -> None:
        """Write one object, replacing what was there."""
        with _errors("write", uri):
            self._bucket(uri).put_object(uri.key, content)

    @_repeated
    def read(self, uri: OssUri) -> bytes:
        """Read one object into memory."""
        with _errors("read", uri):
            return bytes(self._bucket(uri).get_object(uri.key).read())

    def upload(self, path: Path, uri: OssUri) -> OssUri:
        """Upload a file, or everything below a folder.

        Args:
            path: local file or folder.
            uri: where to; a file uploaded to a folder keeps its name.

        Returns:
            The URI of the object, or of the folder.

        Raises:
            FileNotFoundError: there is no such file or folder.
        """
        if path.is_dir():
            for file in sorted(item for item in path.rglob("*") if item.is_file()):
                self._upload_file(file, uri.child(*file.relative_to(path).parts))
            return uri.folder()
        if not path.is_file():
            raise FileNotFoundError(f"no file or folder at {path}")
        target = uri.child(path.name) if uri.is_folder else uri
        self._upload_file(path, target)
        return target

    def download(self, uri: OssUri, folder: Path) -> list[Path]:
        """Download an object, or everything below a folder, into a local folder.

        Returns:
            The files written, in the order of their keys.

        Raises:
            NotFoundError: there is nothing at the URI.
            PAIError: a key would lead out of the folder.
        """
        objects = list(self.objects(uri)) if uri.is_folder else [(uri, 0)]
        if not objects:
            raise NotFoundError("GetObject", 404, "NoSuchKey", f"there is no object below {uri}")
        parent = uri.key if uri.is_folder else uri.key.removesuffix(uri.name)
        return [
            self._download_file(item, folder, item.key.removeprefix(parent))
            for item, _ in objects
            if not item.is_folder
        ]

    def upload_source(self, source_dir: str, storage: OssUri, log: Callable[..., None]) -> CodeLocation:
        """Upload a source folder once per content: what is there already is not sent again.

        Args:
            source_dir: local folder.
            storage: the workspace's default storage.
            log: called as a logger's ``info``.
        """
        with packed(source_dir) as package:
            target = _code_target(package, storage)
            size = f"{package.files} files, {package.size:,} bytes packed"
            if self.exists(target):
                log("Source code of %s is in OSS already (%s): %s", source_dir, size, target)
            else:
                log("Uploading source code of %s (%s) to %s", source_dir, size, target)
                self._put_new(target, package.content)
        return CodeLocation(target.bucket, target.key, self._config.code_endpoint)

    @_repeated
    def _put_new(self, uri: OssUri, content: Any) -> None:
        """Write an object whose name tells its content; somebody else writing the same first is as good."""
        content.seek(0)
        try:
            with _errors("write", uri):
                self._bucket(uri).put_object(uri.key, content, headers=_FORBID_OVERWRITE)
        except ConflictError:
            return

    @_repeated
    def _upload_file(self, path: Path, uri: OssUri) -> None:
        with _errors("write", uri):
            if path.stat().st_size > MULTIPART_THRESHOLD:
                oss2.resumable_upload(self._bucket(uri), uri.key, str(path), multipart_threshold=MULTIPART_THRESHOLD)
            else:
                self._bucket(uri).put_object_from_file(uri.key, str(path))

    @_repeated
    def _download_file(self, uri: OssUri, folder: Path, name: str) -> Path:
        if ".." in PurePosixPath(name).parts or name.startswith("/"):
            raise PAIError(f"the key of {uri} would lead out of {folder}; nothing was written for it")
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with _errors("read", uri):
            self._bucket(uri).get_object_to_file(uri.key, str(path))
        return path

    def _bucket(self, uri: OssUri) -> Any:
        config = self._config
        return oss2.Bucket(
            self._auth(),
            config.oss_url,
            uri.bucket,
            session=self._session,
            connect_timeout=config.connect_timeout,
            region=config.region_id,
        )

    def _auth(self) -> Any:
        key = self._config.credentials
        if key.security_token:
            return oss2.StsAuth(key.access_key_id, key.access_key_secret, key.security_token, auth_version="v4")
        return oss2.AuthV4(key.access_key_id, key.access_key_secret)


def source_location(source_dir: str, storage: OssUri, endpoint: str) -> CodeLocation:
    """Return where the source code of a local folder goes; uploads nothing.

    Args:
        source_dir: local folder.
        storage: the workspace's default storage.
        endpoint: OSS host that the job reads it from.
    """
    with packed(source_dir) as package:
        target = _code_target(package, storage)
    return CodeLocation(target.bucket, target.key, endpoint)


def _code_target(package: SourcePackage, storage: OssUri) -> OssUri:
    return storage.child(CODE_PREFIX, package.digest, "source.tar.gz")


@contextmanager
def _errors(verb: str, uri: OssUri) -> Iterator[None]:
    """Turn the library's errors into ours, so that nobody above needs to know it."""
    try:
        yield
    except oss2.exceptions.RequestError as error:
        raise TransportError(f"OSS gave no answer when asked to {verb} {uri}: {error.exception!r}", sent=True) from None
    except oss2.exceptions.OssError as error:
        raise _refused(f"OSS, asked to {verb} {uri},", error) from None


def _refused(operation: str, error: Any) -> APIError:
    details: Mapping[str, Any] = error.details if isinstance(error.details, dict) else {}
    code = str(error.code or "")
    # A signature error echoes the request, with its security token.
    message = "" if code == "SignatureDoesNotMatch" else str(error.message or details.get("Message") or "")
    kinds: dict[int, type[APIError]] = {403: AuthError, 404: NotFoundError, 409: ConflictError}
    kind = kinds.get(error.status, ServerError if error.status >= 500 else APIError)
    return kind(operation, error.status, code, message, str(error.request_id or ""))
