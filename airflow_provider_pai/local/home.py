"""The folder of one local PAI: who serves from it, its key pair, and what is remembered beside jobs and objects."""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

from airflow_provider_pai.api.signing import KeyPair

_LOCK = "lock"
_ADDRESS = "address.json"
_KEY_PAIR = "credentials.json"
_TOKEN = "admin-token.json"  # noqa: S105 - the name of the file
_TRIES = 5
_TRY_SECONDS = 0.02
SERVICES = "services"
"""Folder of the services of EAS."""


class HomeInUse(Exception):
    """Another server serves from the folder; the text says which folder and, if it is known, where it answers."""


class HomeDamaged(Exception):
    """A file of the folder can't be read; the text names it."""


class Home:
    """A folder that belongs to this server until it is released.

    Attributes:
        path: the folder.
    """

    def __init__(self, path: Path) -> None:
        """Take the folder; it is made when missing, readable for its owner only.

        Args:
            path: the folder.

        Raises:
            HomeInUse: another server has it.
        """
        # Resolved: a sandbox can't hide a folder under the name of a link to it.
        self.path = path.resolve()
        self.path.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._lock: BinaryIO = (self.path / _LOCK).open("ab")
        if not _try_lock(self._lock):
            self._lock.close()
            at = read_address(self.path).get("api")
            where = f", which answers at {at}" if at else ""
            raise HomeInUse(f"{self.path} is in use by another local PAI{where}; stop it or choose another folder")
        # A server that was killed left it; until this one answers, no client must go there.
        (self.path / _ADDRESS).unlink(missing_ok=True)

    def release(self) -> None:
        """Let another server have the folder."""
        (self.path / _ADDRESS).unlink(missing_ok=True)
        self._lock.close()

    def announce(self, address: Mapping[str, Any]) -> None:
        """Write down where the server answers; this holds no secret."""
        _write(self.path / _ADDRESS, address)

    def key_pair(self) -> KeyPair:
        """Return the folder's key pair; made at random the first time, readable for its owner only.

        Raises:
            HomeDamaged: the file holds none.
        """
        file = self.path / _KEY_PAIR
        if not file.exists():
            made = {"access_key_id": f"LTAI{secrets.token_hex(10)}", "access_key_secret": secrets.token_hex(15)}
            _write(file, made)
        return read_key_pair(self.path)

    def renew_admin_token(self) -> str:
        """Return a new token for the admin routes; readable for the folder's owner only, and hidden from jobs."""
        token = secrets.token_hex(24)
        _write(self.path / _TOKEN, token)
        return token

    @property
    def has_services(self) -> bool:
        """Whether there are services from before."""
        folder = self.path / SERVICES
        return folder.is_dir() and any(folder.iterdir())

    def remember(self, name: str, value: Any) -> None:
        """Keep a JSON value."""
        _write(self.path / f"{name}.json", value)

    def recall(self, name: str, default: Any) -> Any:
        """Return a JSON value that was kept, or the default.

        Raises:
            HomeDamaged: the file holds no JSON, or a value of another type than the default's.
        """
        file = self.path / f"{name}.json"
        value = _read(file) if file.exists() else default
        if default is not None and not isinstance(value, type(default)):
            raise HomeDamaged(f"{file} is damaged: it holds {type(value).__name__}, not {type(default).__name__}")
        return value


def read_address(path: Path) -> dict[str, Any]:
    """Return where the server of a folder answers; empty when none does, or not yet."""
    if not is_in_use(path):
        return {}
    try:
        return dict(json.loads((path / _ADDRESS).read_text()))
    except (FileNotFoundError, ValueError):
        return {}


def read_key_pair(path: Path) -> KeyPair:
    """Return the key pair that a folder has.

    Raises:
        HomeDamaged: the file holds none.
    """
    file = path / _KEY_PAIR
    kept = _read(file)
    names = ("access_key_id", "access_key_secret")
    if not isinstance(kept, dict) or not all(isinstance(kept.get(name), str) and kept[name] for name in names):
        raise HomeDamaged(f"{file} holds no {' and '.join(names)}; mend it, or remove it to get a new key pair")
    return KeyPair(*(kept[name] for name in names))


def read_admin_token(path: Path) -> str:
    """Return the token of the server that serves from a folder; empty when there is none.

    Raises:
        PermissionError: it is another user's folder.
    """
    try:
        return str(json.loads((path / _TOKEN).read_text()))
    except (FileNotFoundError, ValueError):
        return ""


def is_home(path: Path) -> bool:
    """Tell whether a server ever served from a folder."""
    return (path / _LOCK).exists()


def is_in_use(path: Path) -> bool:
    """Tell whether a server serves from a folder."""
    try:
        with (path / _LOCK).open("rb") as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False


def _try_lock(lock: BinaryIO) -> bool:
    """Lock a file for as long as it is open; one who only looks who has it keeps it for an instant."""
    for _ in range(_TRIES):
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(_TRY_SECONDS)
        else:
            return True
    return False


def _read(file: Path) -> Any:
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise HomeDamaged(f"{file} is damaged: it holds no JSON; mend or remove it") from error


def _write(file: Path, value: Any) -> None:
    """Write a file as a whole or not at all, readable for its owner only; nothing when it holds that already.

    A reset writes what mostly is there, and each file that is written waits for the disk.
    """
    content = json.dumps(value, ensure_ascii=False).encode()
    if _holds(file, content):
        return
    new = file.with_suffix(".new")
    new.unlink(missing_ok=True)
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as opened:
        opened.write(content)
        opened.flush()
        os.fsync(descriptor)
    new.replace(file)


def _holds(file: Path, content: bytes) -> bool:
    try:
        return file.read_bytes() == content
    except OSError:
        return False
