"""Driver of ``ossfs``."""

from __future__ import annotations

from typing import Any

import ossfs
from loop import Lacks, Settings, answer_requests, content, read_settings, text

Asked = dict[str, Any]


class Client:
    """The operations."""

    def __init__(self, settings: Settings) -> None:
        self._files = ossfs.OSSFileSystem(endpoint=settings.endpoint, key=settings.key_id, secret=settings.secret)
        self._bucket = settings.bucket

    def _at(self, key: str) -> str:
        # Listings are kept by default, and a case looks at what others have changed.
        self._files.invalidate_cache()
        return f"{self._bucket}/{key}"

    def do_put(self, asked: Asked) -> None:
        if asked.get("with") or asked.get("meta"):
            raise Lacks
        self._files.pipe_file(self._at(asked["key"]), content(asked))

    def do_get(self, asked: Asked) -> str:
        span = asked.get("range")
        if not span:
            return text(self._files.cat_file(self._at(asked["key"])))
        start, end = span
        with self._files.open(self._at(asked["key"]), "rb") as file:
            file.seek(-end, 2) if start is None else file.seek(start)
            return text(file.read(-1 if end is None or start is None else end + 1 - start))

    def do_head(self, asked: Asked) -> Asked:
        return {"size": self._files.info(self._at(asked["key"]))["size"]}

    def do_exists(self, asked: Asked) -> bool:
        return self._files.exists(self._at(asked["key"]))

    def do_delete(self, asked: Asked) -> None:
        self._files.rm_file(self._at(asked["key"]))

    def do_delete_many(self, asked: Asked) -> list[str]:
        self._files.rm([self._at(key) for key in asked["keys"]])
        return sorted(asked["keys"])

    def do_list(self, asked: Asked) -> Asked:
        start, cut = self._at(asked["prefix"].rstrip("/")), len(self._bucket) + 1
        if asked.get("delimiter") not in (None, "/") or not asked["prefix"].endswith("/"):
            raise Lacks
        if asked.get("delimiter"):
            try:
                found = self._files.ls(start, detail=True)
            except FileNotFoundError:
                found = []
            return {
                "keys": sorted(each["name"].lstrip("/")[cut:] for each in found if each["type"] == "file"),
                "prefixes": sorted(
                    each["name"].strip("/")[cut:] + "/" for each in found if each["type"] == "directory"
                ),
            }
        return {"keys": sorted(name.lstrip("/")[cut:] for name in self._files.find(start)), "prefixes": []}

    def do_copy(self, asked: Asked) -> None:
        self._files.cp_file(self._at(asked["source"]), self._at(asked["key"]))

    def do_append(self, asked: Asked) -> int:
        if asked["position"] and not self._files.exists(self._at(asked["key"])):
            raise Lacks  # it finds out the position itself
        with self._files.open(self._at(asked["key"]), "ab") as file:
            file.write(content(asked))
        return int(self._files.info(self._at(asked["key"]))["size"])

    def do_multipart(self, asked: Asked) -> None:
        with self._files.open(self._at(asked["key"]), "wb", block_size=1 << 20) as file:
            for part in asked["parts"]:
                file.write(content({"body": part}))

    def do_sign(self, asked: Asked) -> str:
        if asked["method"] != "GET":
            raise Lacks
        return str(self._files.sign(self._at(asked["key"]), expiration=300))

    def do_buckets(self, _asked: Asked) -> list[str]:
        return sorted(each["name"].strip("/") for each in self._files.ls("", detail=True))

    def do_upload(self, asked: Asked) -> None:
        self._files.put_file(asked["file"], self._at(asked["key"]))

    def do_download(self, asked: Asked) -> None:
        self._files.get_file(self._at(asked["key"]), asked["file"])


def code_of(error: Exception) -> str:
    """Return OSS's code, or what a file system calls it."""
    cause = error.__cause__ or error
    return getattr(cause, "code", "") or (
        "NoSuchKey" if isinstance(error, FileNotFoundError) else f"{type(error).__name__}: {error}"
    )


answer_requests(Client(read_settings()), code_of)
