"""The XML documents of OSS: writing answers, reading requests."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Callable, Collection, Sequence
from datetime import UTC, datetime
from typing import TypeAlias
from urllib.parse import quote

from airflow_provider_pai.local.oss.errors import invalid_argument, malformed_xml, not_implemented
from airflow_provider_pai.local.parsing import read_number

Elements: TypeAlias = "list[tuple[str, Content]]"
Content: TypeAlias = "str | int | Sequence[tuple[str, Content]]"
"""An element's text, or its children in order: (tag, content)."""


def render(tag: str, content: Content) -> bytes:
    """Write a document."""
    element = ET.Element(tag)
    _fill(element, content)
    return bytes(ET.tostring(element, encoding="UTF-8", xml_declaration=True))


def name_encoder(encoding: str) -> tuple[Callable[[str], str], Elements]:
    """Return how names are written into an answer's document, and the elements that say so.

    Args:
        encoding: the request's ``encoding-type``; empty for none.

    Raises:
        OSSErrorResponse: InvalidArgument: another encoding than ``url``.
    """
    if encoding not in ("", "url"):
        raise invalid_argument("Invalid Encoding Method specified in Request.", "encoding-type", encoding)
    if not encoding:
        return str, []
    return lambda text: quote(text, safe=""), [("EncodingType", "url")]


def timestamp(seconds: float) -> str:
    """Return a time as OSS writes it into documents: UTC, no fractions of a second."""
    return datetime.fromtimestamp(int(seconds), UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")


def read_deletion(body: bytes) -> tuple[list[str], bool]:
    """Read DeleteMultipleObjects: the keys, and whether the answer is to be quiet.

    Raises:
        OSSErrorResponse: MalformedXML; NotImplemented: a version is named.
    """
    root = parse(body, "Delete")
    _check_children(root, once=("Quiet",), often=("Object",))
    entries = root.findall("Object")
    for entry in entries:
        _check_children(entry, once=("Key", "VersionId"))
    if any(entry.findtext("VersionId") for entry in entries):
        raise not_implemented("deleting a version of an object")
    keys = [_text(entry, "Key") for entry in entries]
    quiet = root.findtext("Quiet", "false").strip()
    if not keys or quiet not in ("true", "false"):
        raise malformed_xml()
    return keys, quiet == "true"


def read_completion(body: bytes) -> list[tuple[int, str]]:
    """Read CompleteMultipartUpload: number and ETag of each part, in the order given.

    Raises:
        OSSErrorResponse: MalformedXML.
    """
    root = parse(body, "CompleteMultipartUpload")
    _check_children(root, often=("Part",))
    parts = []
    for entry in root.findall("Part"):
        _check_children(entry, once=("PartNumber", "ETag"))
        number = _text(entry, "PartNumber").strip()
        if (found := read_number(number)) is None:
            raise malformed_xml()
        parts.append((found, _text(entry, "ETag").strip()))
    return parts


def read_tagging(body: bytes) -> list[tuple[str, str]]:
    """Read PutObjectTagging: key and value of each tag.

    Raises:
        OSSErrorResponse: MalformedXML.
    """
    root = parse(body, "Tagging")
    _check_children(root, once=("TagSet",))
    for tags in root:
        _check_children(tags, often=("Tag",))
        for tag in tags:
            _check_children(tag, once=("Key", "Value"))
    return [(_text(tag, "Key"), _text(tag, "Value")) for tag in root.iterfind("TagSet/Tag")]


def _check_children(element: ET.Element, *, once: Collection[str] = (), often: Collection[str] = ()) -> None:
    """Refuse what would be read over: an element of another name, or a second one of what there is one of."""
    names = [child.tag for child in element]
    if not {*names} <= {*once, *often} or any(names.count(name) > 1 for name in once):
        raise malformed_xml()


def _fill(element: ET.Element, content: Content) -> None:
    if isinstance(content, bool):
        element.text = str(content).lower()
    elif isinstance(content, (str, int)):
        element.text = str(content)
    else:
        for tag, child in content:
            _fill(ET.SubElement(element, tag), child)


def parse(body: bytes, tag: str) -> ET.Element:
    """Read a document with a given tag at its root.

    Raises:
        OSSErrorResponse: MalformedXML.
    """
    # A document type is the way to entities that blow up; OSS's requests never have one.
    if b"<!DOCTYPE" in body:
        raise malformed_xml()
    try:
        text, controls = _replace_controls(body.decode())
        root = ET.fromstring(text)  # noqa: S314 - no document type, and expat limits amplification
    except (ET.ParseError, ValueError) as error:
        raise malformed_xml() from error
    if root.tag != tag:
        raise malformed_xml()
    for element in root.iter():
        element.text = element.text and element.text.translate(controls)
    return root


def _replace_controls(text: str) -> tuple[str, dict[int, int]]:
    """Put letters that a text does not use in the place of its control characters, and say how to undo that.

    XML forbids them, keys may have them, and oss2 sends them as they are: OSS reads such a document.
    """
    used = set(map(ord, text))
    controls = used & set(range(0x20)) - set(map(ord, "\t\n\r"))
    private_use = (letter for letter in range(0xE000, 0xF900) if letter not in used)
    disguises = dict(zip(sorted(controls), private_use, strict=False))
    return text.translate(disguises), {letter: control for control, letter in disguises.items()}


def _text(element: ET.Element, tag: str) -> str:
    found = element.find(tag)
    if found is None:
        raise malformed_xml()
    return found.text or ""
