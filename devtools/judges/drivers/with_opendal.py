"""Driver of ``opendal``: its bucket is addressed by the path, as no host below 127.0.0.1 is one."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import opendal
from loop import Lacks, Settings, answer_requests, content, read_settings, text

Asked = dict[str, Any]


class Client:
    """The operations."""

    def __init__(self, settings: Settings) -> None:
        self._files = opendal.Operator(
            "oss",
            root="/",
            bucket=settings.bucket,
            endpoint=settings.endpoint,
            addressing_style="path",
            access_key_id=settings.key_id,
            access_key_secret=settings.secret,
        )

    def do_put(self, asked: Asked) -> None:
        more = dict(asked.get("with", {}))
        kind = more.pop("type", None)
        if more:
            raise Lacks
        options = {"content_type": kind} if kind else {}
        if asked.get("meta"):
            options["user_metadata"] = asked["meta"]
        self._files.write(asked["key"], content(asked), **options)

    def do_get(self, asked: Asked) -> str:
        span = asked.get("range")
        if not span:
            return text(bytes(self._files.read(asked["key"])))
        start, end = span
        if start is None:
            raise Lacks
        with self._files.open(asked["key"], "rb") as file:
            file.seek(start)
            return text(bytes(file.read(None if end is None else end + 1 - start)))

    def do_head(self, asked: Asked) -> Asked:
        found = self._files.stat(asked["key"])
        return {"size": found.content_length, "type": found.content_type, "meta": dict(found.user_metadata or {})}

    def do_exists(self, asked: Asked) -> bool:
        return bool(self._files.exists(asked["key"]))

    def do_delete(self, asked: Asked) -> None:
        self._files.delete(asked["key"])

    def do_delete_many(self, asked: Asked) -> list[str]:
        for key in asked["keys"]:
            self._files.delete(key)
        return sorted(asked["keys"])

    def do_list(self, asked: Asked) -> Asked:
        if asked.get("delimiter") not in (None, "/"):
            raise Lacks
        scan = self._files.list if asked.get("delimiter") else self._files.scan
        found = [each.path for each in scan(asked["prefix"]) if each.path != asked["prefix"]]
        return {
            "keys": sorted(path for path in found if not path.endswith("/")),
            "prefixes": sorted(path for path in found if path.endswith("/")),
        }

    def do_copy(self, asked: Asked) -> None:
        self._files.copy(asked["source"], asked["key"])

    def do_multipart(self, asked: Asked) -> None:
        body = b"".join(content({"body": part}) for part in asked["parts"])
        self._files.write(asked["key"], body, chunk=1 << 20)

    def do_append(self, asked: Asked) -> int:
        if asked["position"] and not self._files.exists(asked["key"]):
            raise Lacks  # it finds out the position itself
        self._files.write(asked["key"], content(asked), append=True)
        return int(self._files.stat(asked["key"]).content_length)

    def do_upload(self, asked: Asked) -> None:
        self._files.write(asked["key"], Path(asked["file"]).read_bytes(), chunk=1 << 20)

    def do_download(self, asked: Asked) -> None:
        Path(asked["file"]).write_bytes(bytes(self._files.read(asked["key"])))


def code_of(error: Exception) -> str:
    """Return OSS's code, or what the client calls it."""
    found = re.search(r'code: "(\w+)"', str(error))
    if isinstance(error, opendal.exceptions.NotFound):
        return "NoSuchKey"
    return found[1] if found else f"{type(error).__name__}: {str(error).splitlines()[0]}"


answer_requests(Client(read_settings()), code_of)
