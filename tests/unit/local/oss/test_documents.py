"""Request documents are read strictly."""

from __future__ import annotations

from xml.sax.saxutils import escape

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_pai.local.oss.errors import OSSErrorResponse
from airflow_provider_pai.local.oss.xml import read_completion, read_deletion, read_tagging, render


def test_a_deletion_is_read():
    body = "<Delete><Quiet>true</Quiet><Object><Key> a&amp;b </Key></Object><Object><Key>é</Key></Object></Delete>"
    assert read_deletion(body.encode()) == ([" a&b ", "é"], True)


def test_a_completion_is_read_in_its_order():
    part = "<Part><PartNumber>{}</PartNumber><ETag>{}</ETag></Part>"
    body = f"<CompleteMultipartUpload>{part.format(2, 'B')}{part.format(1, 'A')}</CompleteMultipartUpload>"
    assert read_completion(body.encode()) == [(2, "B"), (1, "A")]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<Delete>",
        b"<Other/>",
        b"<Delete/>",
        b"<Delete><Object/></Delete>",
        b'<!DOCTYPE Delete [<!ENTITY e "e">]><Delete><Object><Key>&e;</Key></Object></Delete>',
    ],
)
def test_other_deletions_are_refused(body):
    with pytest.raises(OSSErrorResponse, match="MalformedXML"):
        read_deletion(body)


def test_a_document_is_written_with_its_text_escaped():
    expected = b"<?xml version='1.0' encoding='UTF-8'?>\n<A><B>1</B><C>true</C><D>&lt;\xc3\xa9</D></A>"
    assert render("A", [("B", 1), ("C", True), ("D", "<é")]) == expected


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r\ufffe\uffff"), min_size=1, max_size=30))
def test_any_key_is_read_from_a_deletion(key):
    document = f"<Delete><Object><Key>{escape(key)}</Key></Object></Delete>".encode()
    assert read_deletion(document) == ([key], False)


def test_a_deletion_of_a_version_is_refused():
    document = b"<Delete><Object><Key>k</Key><VersionId>v</VersionId></Object></Delete>"
    with pytest.raises(OSSErrorResponse, match="NotImplemented"):
        read_deletion(document)


@pytest.mark.parametrize(
    ("read", "body"),
    [
        (read_deletion, "<Delete><Object><Key>a</Key><Key>b</Key></Object></Delete>"),
        (read_deletion, "<Delete><Zzz/><Object><Key>a</Key></Object></Delete>"),
        (read_deletion, "<Delete><Object><Key>a</Key><Zzz/></Object></Delete>"),
        (read_deletion, "<Delete><Quiet>maybe</Quiet><Object><Key>a</Key></Object></Delete>"),
        (read_deletion, "<Delete><Quiet>true</Quiet><Quiet>false</Quiet><Object><Key>a</Key></Object></Delete>"),
        (
            read_completion,
            "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag/><ETag/></Part></CompleteMultipartUpload>",
        ),
        (read_completion, "<CompleteMultipartUpload><Zzz/></CompleteMultipartUpload>"),
        (read_tagging, "<Tagging><TagSet><Tag><Key>a</Key><Value>b</Value><Zzz/></Tag></TagSet></Tagging>"),
        (read_tagging, "<Tagging><TagSet/><TagSet/></Tagging>"),
    ],
)
def test_what_would_be_read_over_is_refused(read, body):
    with pytest.raises(OSSErrorResponse, match="MalformedXML"):
        read(body.encode())
