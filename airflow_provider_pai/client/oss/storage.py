"""Objects in OSS, on the ``oss2`` library."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import oss2
import tenacity

from airflow_provider_pai.api.endpoints import is_loopback
from airflow_provider_pai.api.signing import KeyPair
from airflow_provider_pai.client.credentials.factory import credentials_provider
from airflow_provider_pai.client.credentials.provider import CredentialsProvider, with_credentials
from airflow_provider_pai.client.oss.delta import DeltaUpload
from airflow_provider_pai.client.oss.download import local_names, stored_bytes
from airflow_provider_pai.client.oss.errors import oss_errors
from airflow_provider_pai.client.oss.objects import ObjectFiles
from airflow_provider_pai.client.oss.progress import UploadProgress
from airflow_provider_pai.client.oss.upload import FILE_PART_SIZE, PART_SIZE, ObjectUpload, put_small
from airflow_provider_pai.client.oss.worker_pool import WorkerPool
from airflow_provider_pai.client.packaging.files import LocalFile, local_files, unchanging
from airflow_provider_pai.client.packaging.inputs import InputFile, LocalInput, read_input, refuse_names
from airflow_provider_pai.client.packaging.source import SourceCode
from airflow_provider_pai.client.transport.config import ClientConfig
from airflow_provider_pai.client.transport.http import is_passing
from airflow_provider_pai.errors import NotFoundError, PAIError
from airflow_provider_pai.model.training.spec import CodeLocation
from airflow_provider_pai.model.uri import OssUri

_TRIES = 4
_THREADS = 4
DELTA_FROM = 4 * 1024 * 1024
"""Unpacked bytes of a package from which on the look for the last one is worth it."""
LEFT_OUT = "Not uploaded, for they are neither files nor folders: %s"

T = TypeVar("T")
Log = Callable[..., None]
"""Called as a logger's ``info``."""


class ObjectStorage:
    """Reads and writes objects with one identity. Safe to use from several threads.

    All that is done here may be done twice: reading, and writing the same bytes to the same key. So what fails for a
    passing reason is asked again.

    Args:
        config: who asks, and where OSS is.
        keys: what to sign with; default are the configuration's.
        part_size: bytes of an object that are in memory at a time; a larger object is sent in parts.
        file_part_size: the same for what is read from a file while it is sent.
        delta_from: unpacked bytes of a package from which on only what has changed is sent.
        page_size: how many objects are listed at a time, at most 1,000.
        sleep: waits a number of seconds before a request is repeated.
    """

    def __init__(
        self,
        config: ClientConfig,
        *,
        keys: CredentialsProvider | None = None,
        part_size: int = PART_SIZE,
        file_part_size: int = FILE_PART_SIZE,
        page_size: int = 1000,
        delta_from: int = DELTA_FROM,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._config = config
        self._keys = keys or credentials_provider(config.credentials)
        self._part_size = part_size
        self._file_part_size = file_part_size
        self._page_size = page_size
        self._delta_from = delta_from
        self._sleep = sleep
        self._session = oss2.Session()
        if is_loopback(config.oss_url):
            self._session.session.trust_env = False

    def close(self) -> None:
        """Close the connections."""
        self._session.session.close()

    @property
    def files(self) -> ObjectFiles:
        """What a file system needs beside this."""
        return ObjectFiles(self._ask, self._page_size)

    def upload_to(self, uri: OssUri, *, keep: bool = False) -> ObjectUpload:
        """Return what writes one object; with ``keep`` one that is there already stays as it is."""
        return ObjectUpload(self._ask, uri, part_size=self._part_size, keep=keep)

    def exists(self, uri: OssUri) -> bool:
        """Whether there is an object at a URI, or for a folder any object below it."""
        if not uri.is_folder:
            return bool(self._ask("look up", uri, lambda bucket: bucket.object_exists(uri.key)))
        page = self._ask("look up", uri, lambda bucket: bucket.list_objects_v2(prefix=uri.key, max_keys=1))
        return bool(page.object_list)

    def objects(self, uri: OssUri) -> Iterator[tuple[OssUri, int]]:
        """Yield every object below a folder with its size in bytes, in the order of the keys."""
        more, token = True, ""
        while more:
            page = self._page(uri, token)
            for item in page.object_list:
                yield OssUri(uri.bucket, item.key, uri.endpoint), item.size
            more, token = page.is_truncated, page.next_continuation_token

    def fingerprints(self, uri: OssUri) -> Iterator[tuple[str, str, int]]:
        """Yield key, ETag and size in bytes of an object, or of all below a folder, in the order of the keys."""
        more, token = True, ""
        while more:
            page = self._page(uri, token)
            yield from (
                (item.key, item.etag, item.size)
                for item in page.object_list
                # An object's key may begin those of others.
                if uri.is_folder or item.key == uri.key or item.key.startswith(f"{uri.key}/")
            )
            more, token = page.is_truncated, page.next_continuation_token

    def _page(self, uri: OssUri, token: str) -> Any:
        def page(bucket: Any) -> Any:
            return bucket.list_objects_v2(prefix=uri.key, continuation_token=token, max_keys=self._page_size)

        return self._ask("list", uri, page)

    def write(self, uri: OssUri, content: bytes) -> None:
        """Write one object, replacing what was there."""
        self._ask("write", uri, lambda bucket: put_small(bucket, uri.key, content))

    def read(self, uri: OssUri) -> bytes:
        """Read one object into memory: the bytes that are stored, whatever its Content-Encoding says of them."""
        return self._ask("read", uri, lambda bucket: b"".join(stored_bytes(bucket.get_object(uri.key))))

    def upload(self, path: Path, uri: OssUri, log: Log | None = None) -> OssUri:
        """Upload a file, or the files of a folder, by the rules that hold for a job's inputs.

        Links count as what they point to, ``.paiignore`` leaves out what it says.

        Args:
            path: local file or folder.
            uri: where to; a file uploaded to a folder keeps its name.
            log: called as a logger's ``info`` with what can't be uploaded; None for no messages.

        Returns:
            The URI of the object, or of the folder.

        Raises:
            FileNotFoundError: there is no such file or folder.
            SpecError: a name can't be one in OSS; nothing was uploaded.
            ValueError: a link leads out of the folder, or to a folder that holds it.
            PAIError: a file changed meanwhile.
        """
        found = local_files(path)
        target = uri.folder() if path.is_dir() else uri.child(path.name) if uri.is_folder else uri
        files = {target.child(file.name): file for file in found.files} if path.is_dir() else {target: found.files[0]}
        refuse_names(files)
        if found.left_out and log:
            log(LEFT_OUT, ", ".join(map(repr, found.left_out)))

        def upload(place: OssUri, file: LocalFile) -> None:
            with unchanging(file) as (stream, status):
                self._to(place, lambda _: pool.check()).write(stream, status.st_size)

        with WorkerPool(_THREADS) as pool:
            pool.work(partial(upload, place, file) for place, file in files.items())
        return target

    def download(self, uri: OssUri, folder: Path) -> list[Path]:
        """Download an object, or everything below a folder, into a local folder.

        Returns:
            The files written, in the order of their keys.

        Raises:
            NotFoundError: there is nothing at the URI.
            PAIError: a key can't be a path below the folder, and nothing was written; or two keys are one file here, as
                where upper and lower case are the same.
        """
        objects = [item for item, _ in self.objects(uri)] if uri.is_folder else [uri]
        if not objects:
            raise NotFoundError("GetObject", 404, "NoSuchKey", f"there is no object below {uri}")
        files = {item.key: item for item in objects if not item.is_folder}
        names = local_names(uri, files)
        written: dict[tuple[int, int] | None, str] = {}
        for key, item in files.items():
            path = folder / names[key]
            if (place := _identity(path)) and (before := written.get(place)):
                text = f"the keys {before!r} and {key!r} of bucket {uri.bucket} are one file in {folder}"
                raise PAIError(f"{text}; copy one of them to another key, or download into another file system")
            self._download_file(item, path)
            written[_identity(path)] = key
        return [folder / names[key] for key in files]

    def upload_source(self, source: SourceCode, storage: OssUri, log: Log) -> CodeLocation:
        """Upload source code once per content: what is there already is not sent again, unless it is very little.

        Of very little, OSS is asked to keep what is there: then one request does it, whether it is there or not. (A
        bucket with versions takes no notice of that, and keeps one more version of these few bytes.)

        Args:
            source: the source code.
            storage: the workspace's default storage.
            log: called as a logger's ``info``.

        Raises:
            PAIError: a file changed since the source code was read.
        """
        target = source.uri(storage)
        if not source.is_small and self.exists(target):
            log("Source code of %s is in OSS already (%s): %s", source.path, source, target)
        else:
            self._send_source(source, storage, log)
        return CodeLocation(target.bucket, target.key, self._config.code_endpoint)

    def _send_source(self, source: SourceCode, storage: OssUri, log: Log) -> None:
        target = source.uri(storage)
        if self._config.takes_package_members and source.archived >= self._delta_from:
            for hint in source.hints(source.archived):
                log("%s", hint)
            log("Uploading source code of %s (%s) to %s", source.path, source, target)

            def start(size: int) -> Callable[[int], None]:
                return UploadProgress("the source code", size, log).add

            DeltaUpload(self._ask, self._file_part_size, log).send(source, storage, start)
            return
        with source.packed() as (content, size):
            for hint in source.hints(size):
                log("%s", hint)
            what = source.path, source, f"{size:,}", target
            progress = UploadProgress("the source code", size, log)
            upload = ObjectUpload(self._ask, target, progress.add, part_size=self._file_part_size, keep=True)
            if not source.is_small:
                log("Uploading source code of %s (%s, packed %s) to %s", *what)
                upload.write_file(content, size)
            elif upload.write(content, size):
                log("Uploaded source code of %s (%s, packed %s) to %s", *what)
            else:
                log("Source code of %s is in OSS already (%s, packed %s): %s", *what)

    def upload_input(
        self, path: Path, storage: OssUri, log: Log, data: LocalInput | None = None, *, source_code: bool = False
    ) -> OssUri:
        """Upload input data once per content: what is there already is not sent again, what is missing is.

        Data lies under a name made of its content. A file is there or not, never in part, so the list of what lies
        under that name tells what an interrupted upload left to do.

        Args:
            path: local file or folder.
            storage: the workspace's default storage.
            log: called as a logger's ``info``.
            data: what is there, when it was read already.
            source_code: leave out what is no source code.

        Returns:
            The URI of the object, or of the folder, that holds the data.

        Raises:
            SpecError: a name can't be one in OSS; nothing was uploaded.
            ValueError, OSError: the data can't be read; ``input_problems`` says why.
            PAIError: a file changed meanwhile.
        """
        data = data or read_input(path, source_code=source_code)
        target = data.uri(storage)
        there = dict(self.objects(data.folder(storage)))
        missing = {uri: item for uri, item in data.objects(storage).items() if there.get(uri) != item.size}
        if data.left_out:
            log(LEFT_OUT, ", ".join(map(repr, data.left_out)))
        if missing:
            log("Uploading %d of the %s of %s to %s", len(missing), data, path, target)
            self._upload_all(missing, log)
        else:
            log("The data of %s is in OSS already (%s): %s", path, data, target)
        return target

    def _upload_all(self, items: Mapping[OssUri, InputFile], log: Log) -> None:
        progress = UploadProgress("the input data", sum(item.size for item in items.values()), log)

        def upload(uri: OssUri, item: InputFile) -> None:
            with unchanging(item.file) as (stream, _):
                self._to(uri, sent).write(stream, item.size, item.digest)

        def sent(count: int) -> None:
            progress.add(count)
            pool.check()

        small = {uri: item for uri, item in items.items() if item.size <= self._part_size}
        with WorkerPool(_THREADS) as pool:
            pool.work(partial(upload, uri, item) for uri, item in small.items())
        for uri, item in items.items():
            if uri not in small:
                self._upload_large(uri, item, progress)

    def _upload_large(self, uri: OssUri, item: InputFile, progress: UploadProgress) -> None:
        """Upload a file several parts at a time; what is in memory of it is a few pieces."""
        with unchanging(item.file) as (stream, _):
            upload = ObjectUpload(self._ask, uri, progress.add, part_size=self._file_part_size)
            upload.write_file(stream, item.size, item.crc)

    def _to(self, uri: OssUri, sent: Callable[[int], None] | None = None) -> ObjectUpload:
        return ObjectUpload(self._ask, uri, sent, part_size=self._part_size)

    def _download_file(self, uri: OssUri, path: Path) -> Path:
        def download(bucket: Any) -> None:
            try:
                with path.open("wb") as file:
                    file.writelines(stored_bytes(bucket.get_object(uri.key)))
            except BaseException:
                # Part of an object must not be taken for all of it.
                path.unlink(missing_ok=True)
                raise

        path.parent.mkdir(parents=True, exist_ok=True)
        self._ask("read", uri, download)
        return path

    def _ask(self, verb: str, uri: OssUri, request: Callable[[Any], T]) -> T:
        """Send a request until OSS answers, four times at most; each try is signed anew."""

        def once(pair: KeyPair) -> T:
            with oss_errors(verb, uri):
                return _read_to_its_end(request(self._bucket(uri, pair)))

        answer: T = tenacity.Retrying(
            retry=tenacity.retry_if_exception(self._is_worth_repeating),
            stop=tenacity.stop_after_attempt(_TRIES),
            wait=tenacity.wait_random_exponential(multiplier=0.5, max=10),
            sleep=self._sleep,
            reraise=True,
        )(with_credentials, self._keys, once)
        return answer

    def _is_worth_repeating(self, error: BaseException) -> bool:
        return isinstance(error, PAIError) and is_passing(error)

    def _bucket(self, uri: OssUri, pair: KeyPair) -> Any:
        config = self._config
        return oss2.Bucket(
            _auth(pair),
            config.oss_url,
            uri.bucket,
            session=self._session,
            connect_timeout=config.connect_timeout,
            region=config.region_id,
            # The library computes it in Python, while all other threads wait; our requests have their own.
            enable_crc=False,
        )


def _identity(path: Path) -> tuple[int, int] | None:
    """Return what tells a file from all others, whatever its names; None for one that is not there."""
    try:
        status = path.stat()
    except FileNotFoundError:
        return None
    return status.st_dev, status.st_ino


def _read_to_its_end(answer: T) -> T:
    """Return an answer with its body read; the library leaves some unread, and with them the connection in use."""
    if isinstance(answer, oss2.models.RequestResult):
        answer.resp.read()
    return answer


def _auth(pair: KeyPair) -> Any:
    if pair.security_token:
        return oss2.StsAuth(pair.access_key_id, pair.access_key_secret, pair.security_token, auth_version="v4")
    return oss2.AuthV4(pair.access_key_id, pair.access_key_secret)
