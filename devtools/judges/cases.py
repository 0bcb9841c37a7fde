"""The sixty cases that each client is put through: what is done with it, and what must be seen then."""

from __future__ import annotations

import base64
import hashlib
import http.client
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit


class Client(Protocol):
    """A client under test.

    Attributes:
        folder: a folder for files of this machine, the client's own.
        bucket: the name of its bucket.
    """

    folder: Path
    bucket: str

    def ask(self, operation: str, **asked: Any) -> Any:
        """Return what an operation gave.

        Raises:
            Refused: OSS, or the client, refused it.
            Lacking: the client has no such operation.
        """


class Refused(Exception):
    """An operation ended with an error; the text is its code."""


class Lacking(Exception):
    """The client has no such operation."""


Case = Callable[[Client], None]
_KEYS = {
    "plain": "plain.txt",
    "of folders": "a/b/c.txt",
    "with spaces": "two  words .txt",
    "with a plus": "one+one=2.txt",
    "with a percent sign": "100%.txt",
    "with an escaped slash": "a%2Fb.txt",
    "with question mark and hash": "what?#here.txt",
    "with ampersand and quotes": "a&b'c\"d.txt",
    "in Chinese": "训练/模型.txt",
    "with an emoji": "\N{ROCKET}.txt",
    "with a combining accent": "e\N{COMBINING ACUTE ACCENT}.txt",
    "with two slashes": "a//b.txt",
    "that begins with a dot": ".hidden/.file",
    "with a tilde and brackets": "~[x](y){z}!*;:@$,.txt",
    "of the greatest length": "k" * 1000,
    "with a line break": "one\ntwo.txt",
}
_SIZES = {"empty": 0, "of one byte": 1, "of 64 KiB": 1 << 16, "of 3 MiB": 3 << 20}
_RANGES: dict[str, tuple[list[int | None], bytes]] = {
    "first bytes": ([0, 3], b"0123"),
    "middle bytes": ([4, 6], b"456"),
    "bytes to the end": ([7, None], b"789"),
    "last bytes": ([None, 3], b"789"),
    "one byte": ([5, 5], b"5"),
}
_ERRORS: dict[str, tuple[str, dict[str, Any], str]] = {
    "reading what is not there": ("get", {"key": "absent"}, "NoSuchKey"),
    "copying what is not there": ("copy", {"source": "absent", "key": "copied"}, "NoSuchKey"),
    "another Content-MD5": (
        "put",
        {"key": "md5", "body": "eA==", "with": {"md5": "1B2M2Y8AsgTpgAmY7PhCfg=="}},
        "InvalidDigest",
    ),
    "aborting an upload that is not there": ("abort", {"key": "absent", "upload": "0" * 32}, "NoSuchUpload"),
    "a storage class that there is not": (
        "put",
        {"key": "class", "body": "eA==", "with": {"class": "Zzz"}},
        "InvalidArgument",
    ),
    "an ACL that there is not": ("put", {"key": "acl", "body": "eA==", "with": {"acl": "zzz"}}, "InvalidArgument"),
    "the ACL of what is not there": ("acl", {"key": "absent"}, "NoSuchKey"),
    "tags of what is not there": ("tags", {"key": "absent"}, "NoSuchKey"),
    "appending to what is not as long": (
        "append",
        {"key": "not as long", "position": 7, "body": "eA=="},
        "PositionNotEqualToLength",
    ),
    "deleting a bucket that is not there": ("delete_bucket", {"name": "absent-bucket-of-judges"}, "NoSuchBucket"),
}


def cases() -> dict[str, Case]:
    """Return all cases by name."""
    return dict(_cases())


def _cases() -> Iterator[tuple[str, Case]]:
    for name, key in _KEYS.items():
        yield f"a key {name}", _key(key)
    for name, size in _SIZES.items():
        yield f"an object {name}", _size(name, size)
    for name, (span, expected) in _RANGES.items():
        yield f"a range: {name}", _range(span, expected)
    for name, (operation, asked, code) in _ERRORS.items():
        yield f"refused: {name}", _refused(operation, asked, code)
    for function in _SINGLE:
        yield function.__name__.replace("_", " ").strip(), function


def encoded(content: bytes) -> str:
    """Return bytes as they travel to a driver."""
    return base64.b64encode(content).decode()


def content(size: int) -> bytes:
    """Return bytes that do not repeat within a part."""
    return b"".join(hashlib.sha256(str(number).encode()).digest() for number in range(size // 32 + 1))[:size]


def _put(client: Client, key: str, body: bytes = b"x", **more: Any) -> None:
    client.ask("put", key=key, body=encoded(body), **more)


def _get(client: Client, key: str, **more: Any) -> bytes:
    return base64.b64decode(client.ask("get", key=key, **more))


def _same(found: Any, expected: Any) -> None:
    if found != expected:
        raise AssertionError(f"{found!r} is not {expected!r}"[:200])


def _key(key: str) -> Case:
    def case(client: Client) -> None:
        _put(client, f"keys/{key}"[:1023], key.encode())
        _same(_get(client, f"keys/{key}"[:1023]), key.encode())
        client.ask("delete", key=f"keys/{key}"[:1023])
        _same(client.ask("exists", key=f"keys/{key}"[:1023]), False)

    return case


def _size(name: str, size: int) -> Case:
    def case(client: Client) -> None:
        _put(client, f"sizes/{name}", content(size))
        _same(client.ask("head", key=f"sizes/{name}")["size"], size)
        _same(hashlib.sha256(_get(client, f"sizes/{name}")).digest(), hashlib.sha256(content(size)).digest())

    return case


def _range(span: list[int | None], expected: bytes) -> Case:
    def case(client: Client) -> None:
        _put(client, "ranges", b"0123456789")
        _same(_get(client, "ranges", range=span), expected)

    return case


def _refused(operation: str, asked: dict[str, Any], code: str) -> Case:
    def case(client: Client) -> None:
        try:
            found = client.ask(operation, **asked)
        except Refused as error:
            _same(str(error), code)
        else:
            raise AssertionError(f"was not refused: {found!r}"[:200])

    return case


def content_type(client: Client) -> None:
    _put(client, "typed", with_={"type": "text/x-judged"})
    _same(client.ask("head", key="typed")["type"], "text/x-judged")


def user_metadata(client: Client) -> None:
    _put(client, "meta", meta={"owner": "judges", "empty-not": "1"})
    _same(client.ask("head", key="meta")["meta"], {"owner": "judges", "empty-not": "1"})


def overwriting(client: Client) -> None:
    _put(client, "twice", b"first")
    _put(client, "twice", b"second, longer")
    _same(_get(client, "twice"), b"second, longer")


def forbidding_to_overwrite(client: Client) -> None:
    _put(client, "once", with_={"forbid": "true"})
    try:
        _put(client, "once", b"other", with_={"forbid": "true"})
    except Refused as error:
        _same(str(error), "FileAlreadyExists")
    _same(_get(client, "once"), b"x")


def listing_with_pages(client: Client) -> None:
    keys = [f"pages/{number:02}" for number in range(25)]
    for key in keys:
        _put(client, key)
    _same(client.ask("list", prefix="pages/", page=10), {"keys": keys, "prefixes": []})


def listing_one_level(client: Client) -> None:
    for key in ("level/a", "level/b/c", "level/b/d", "level/e/f"):
        _put(client, key)
    expected = {"keys": ["level/a"], "prefixes": ["level/b/", "level/e/"]}
    _same(client.ask("list", prefix="level/", delimiter="/"), expected)


def listing_by_part_of_a_name(client: Client) -> None:
    for key in ("part/ab1", "part/ab2", "part/b"):
        _put(client, key)
    _same(client.ask("list", prefix="part/ab"), {"keys": ["part/ab1", "part/ab2"], "prefixes": []})


def listing_odd_names(client: Client) -> None:
    keys = sorted(f"odd/{name}" for name in ("a b", "a+b", "a%20b", "训练", "a&b<c>"))
    for key in keys:
        _put(client, key)
    _same(client.ask("list", prefix="odd/")["keys"], keys)


def listing_nothing(client: Client) -> None:
    _same(client.ask("list", prefix="nothing-is-here/"), {"keys": [], "prefixes": []})


def copying(client: Client) -> None:
    _put(client, "copy/source é+", b"copied")
    client.ask("copy", source="copy/source é+", key="copy/target")
    _same(_get(client, "copy/target"), b"copied")


def deleting_many(client: Client) -> None:
    keys = ["many/a b", "many/c+d", "many/e&f"]
    for key in keys:
        _put(client, key)
    _same(client.ask("delete_many", keys=keys), keys)
    _same([client.ask("exists", key=key) for key in keys], [False] * 3)


def deleting_what_is_not_there(client: Client) -> None:
    client.ask("delete", key="was-never-there")


def appending(client: Client) -> None:
    _same(client.ask("append", key="appended", position=0, body=encoded(b"one ")), 4)
    _same(client.ask("append", key="appended", position=4, body=encoded(b"two")), 7)
    _same(_get(client, "appended"), b"one two")


def uploading_in_parts(client: Client) -> None:
    parts = [content(1 << 20), content((1 << 20) + 7)[7:], b"end"]
    client.ask("multipart", key="parts", parts=[encoded(part) for part in parts])
    _same(hashlib.sha256(_get(client, "parts")).digest(), hashlib.sha256(b"".join(parts)).digest())


def giving_an_upload_up(client: Client) -> None:
    upload = client.ask("begin", key="uploads/a")
    _same(client.ask("uploads", prefix="uploads/"), ["uploads/a"])
    client.ask("abort", key="uploads/a", upload=upload)
    _same(client.ask("uploads", prefix="uploads/"), [])


def access_of_an_object(client: Client) -> None:
    _put(client, "acl")
    _same(client.ask("acl", key="acl"), "default")
    client.ask("set_acl", key="acl", acl="public-read")
    _same(client.ask("acl", key="acl"), "public-read")


def tags_of_an_object(client: Client) -> None:
    _put(client, "tags")
    client.ask("set_tags", key="tags", tags={"team": "judges", "stage": "a b"})
    _same(client.ask("tags", key="tags"), {"team": "judges", "stage": "a b"})
    client.ask("delete_tags", key="tags")
    _same(client.ask("tags", key="tags"), {})


def a_symbolic_link(client: Client) -> None:
    _put(client, "link target", b"linked")
    client.ask("link", key="link", target="link target")
    _same(client.ask("target", key="link"), "link target")
    _same(_get(client, "link"), b"linked")


def a_signed_address_to_read(client: Client) -> None:
    _put(client, "signed/a b+c", b"signed")
    _same(_send("GET", client.ask("sign", method="GET", key="signed/a b+c")), b"signed")


def a_signed_address_to_write(client: Client) -> None:
    _send("PUT", client.ask("sign", method="PUT", key="signed/written"), b"written")
    _same(_get(client, "signed/written"), b"written")


def buckets(client: Client) -> None:
    if client.bucket not in client.ask("buckets"):
        raise AssertionError("its own bucket is not listed")


def a_bucket_of_its_own(client: Client) -> None:
    name = f"{client.bucket}-own"
    client.ask("create_bucket", name=name)
    found = client.ask("bucket_info", name=name)
    _same((found["name"], found["class"]), (name, "IA"))
    _same(client.ask("location", name=name), found["location"])
    _same(client.ask("bucket_stat", name=name), 0)
    client.ask("delete_bucket", name=name)


def a_bucket_that_is_not_empty(client: Client) -> None:
    _put(client, "something")
    try:
        client.ask("delete_bucket", name=client.bucket)
    except Refused as error:
        _same(str(error), "BucketNotEmpty")
    _same(client.ask("exists", key="something"), True)


def a_file_up_and_down(client: Client) -> None:
    source, target = client.folder / "up", client.folder / "down"
    source.write_bytes(content(5 << 20))
    client.ask("upload", key="file", file=str(source))
    client.ask("download", key="file", file=str(target))
    _same(hashlib.sha256(target.read_bytes()).digest(), hashlib.sha256(content(5 << 20)).digest())


def an_existing_object_exists_and_others_do_not(client: Client) -> None:
    _put(client, "there")
    _same([client.ask("exists", key=key) for key in ("there", "the", "there/")], [True, False, False])


_SINGLE: tuple[Case, ...] = (
    content_type,
    user_metadata,
    overwriting,
    forbidding_to_overwrite,
    listing_with_pages,
    listing_one_level,
    listing_by_part_of_a_name,
    listing_odd_names,
    listing_nothing,
    copying,
    deleting_many,
    deleting_what_is_not_there,
    appending,
    uploading_in_parts,
    giving_an_upload_up,
    access_of_an_object,
    tags_of_an_object,
    a_symbolic_link,
    a_signed_address_to_read,
    a_signed_address_to_write,
    buckets,
    a_bucket_of_its_own,
    a_bucket_that_is_not_empty,
    a_file_up_and_down,
    an_existing_object_exists_and_others_do_not,
)


def _send(method: str, url: str, body: bytes | None = None) -> bytes:
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.netloc, timeout=30)
    try:
        connection.request(method, f"{parts.path}?{parts.query}", body)
        answer = connection.getresponse()
        read = answer.read()
    finally:
        connection.close()
    if answer.status != http.client.OK:
        raise AssertionError(f"{method} of a signed address: {answer.status}")
    return read
