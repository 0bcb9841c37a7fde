"""Objects in OSS."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from airflow_provider_pai.errors import SpecError
from airflow_provider_pai.hooks.base import PAIBaseHook
from airflow_provider_pai.model.masking import masked_text
from airflow_provider_pai.model.problem import Problem
from airflow_provider_pai.model.uri import OssUri
from airflow_provider_pai.model.values import kind, shown


class PAIOSSHook(PAIBaseHook):
    """Uploads, downloads and lists objects with a PAI connection's identity."""

    def default_folder(self, *names: str) -> str:
        """Return the URI of a folder in the workspace's default storage.

        Args:
            names: folders below it, outermost first.
        """
        return str(self.storage.child(*names, "") if names else self.storage)

    def upload(self, path: str | Path, uri: str) -> str:
        """Upload a file, or everything below a folder.

        Args:
            path: local file or folder.
            uri: OSS URI; a file uploaded to a folder (ending in ``/``) keeps its name.

        Returns:
            The URI of what was uploaded.

        The rules are those of a job's ``inputs``: links count as what they point to, and must not lead out of the
        folder; what a ``.paiignore`` at its top says is left out; pipes, devices and links to nothing are left out and
        logged.

        Raises:
            FileNotFoundError: there is no such file or folder.
            SpecError: ``uri`` is no OSS URI, a link leads out of the folder, or a name can't be one in OSS; nothing was
                uploaded.
        """
        place, target = _local("path", path), _parse(uri)
        try:
            return str(self.oss.upload(place, target, self.log.warning))
        except SpecError:
            raise
        except FileNotFoundError as error:
            raise FileNotFoundError(error.errno, "there is no file or folder", masked_text(str(path))) from None
        except OSError as error:
            raise SpecError([Problem("path", f": {shown(path)} can't be read ({error.strerror})")]) from None
        except ValueError as error:
            raise SpecError([Problem("path", f": {error}")]) from error

    def download(self, uri: str, folder: str | Path) -> list[Path]:
        """Download an object, or everything below a folder (a URI that ends in ``/``).

        Returns:
            The local files.

        Raises:
            NotFoundError: there is nothing at the URI.
            SpecError: ``uri`` is no OSS URI, or ``folder`` no path.
        """
        return self.oss.download(_parse(uri), _local("folder", folder))

    def exists(self, uri: str) -> bool:
        """Whether there is an object at a URI, or anything below a folder."""
        return self.oss.exists(_parse(uri))

    def list(self, uri: str) -> Iterator[tuple[str, int]]:
        """Yield URI and size in bytes of every object below a folder."""
        return ((str(item), size) for item, size in self.oss.objects(_parse(uri)))

    def read(self, uri: str) -> bytes:
        """Read one object into memory: the bytes that are stored, whatever its Content-Encoding says of them.

        Raises:
            NotFoundError: there is no such object.
            SpecError: ``uri`` is no OSS URI of an object.
        """
        return self.oss.read(_parse_object(uri))

    def write(self, uri: str, content: bytes) -> None:
        """Write one object, replacing what was there.

        Raises:
            SpecError: ``uri`` is no OSS URI of an object, or ``content`` is no bytes.
        """
        if not isinstance(content, bytes | bytearray | memoryview):
            raise SpecError([Problem("content", f"must be bytes, not {kind(content)}; encode a text first")])
        self.oss.write(_parse_object(uri), bytes(content))


def _local(argument: str, path: str | Path) -> Path:
    if not isinstance(path, str | Path) or "\0" in str(path):
        raise SpecError([Problem(argument, f"must be a local path, not {shown(path)}")])
    return Path(path)


def _parse(uri: str) -> OssUri:
    try:
        return OssUri.parse(uri)
    except ValueError as error:
        raise SpecError([Problem("uri", f": {error}")]) from error


def _parse_object(uri: str) -> OssUri:
    parsed = _parse(uri)
    if not parsed.key:
        raise SpecError([Problem("uri", f": {uri!r} names a bucket and no object; add the object's key")])
    return parsed
