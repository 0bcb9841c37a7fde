"""XML documents that change what a bucket or an object is: read strictly, so that nothing in them is overlooked."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Collection, Mapping

from airflow_provider_pai.local.oss.buckets import BucketConfiguration, read_redundancy
from airflow_provider_pai.local.oss.errors import malformed_xml, not_implemented
from airflow_provider_pai.local.oss.storage_class import RestoreRequest, read_storage_class
from airflow_provider_pai.local.oss.xml import parse
from airflow_provider_pai.local.parsing import read_number


def read_bucket_configuration(body: bytes) -> BucketConfiguration:
    """Read PutBucket: an empty body, or a CreateBucketConfiguration.

    Raises:
        OSSErrorResponse: MalformedXML; InvalidArgument: no such class or redundancy; NotImplemented: an element that
            local OSS does not know.
    """
    if not body:
        return BucketConfiguration()
    found = _texts(parse(body, "CreateBucketConfiguration"), ("StorageClass", "DataRedundancyType"))
    kept, redundancy = found.get("StorageClass"), found.get("DataRedundancyType")
    return BucketConfiguration(
        None if kept is None else read_storage_class(kept, "StorageClass"),
        None if redundancy is None else read_redundancy(redundancy),
    )


def read_restore(body: bytes) -> RestoreRequest:
    """Read RestoreObject: an empty body, or a RestoreRequest.

    Raises:
        OSSErrorResponse: MalformedXML; NotImplemented: an element that local OSS does not know.
    """
    if not body:
        return RestoreRequest()
    root = parse(body, "RestoreRequest")
    parameters = root.find("JobParameters")
    tier = ""
    if parameters is not None:
        tier = _texts(parameters, ("Tier",)).get("Tier", "")
        root.remove(parameters)
    days = _texts(root, ("Days",)).get("Days", "1")
    number = read_number(days)
    if number is None:
        raise malformed_xml()
    return RestoreRequest(number, tier)


def _texts(element: ET.Element, known: Collection[str]) -> Mapping[str, str]:
    """Return the texts of an element's children by tag, each of which must be known and be there once."""
    texts: dict[str, str] = {}
    for child in element:
        if child.tag not in known:
            raise not_implemented(f"{child.tag} in {element.tag}")
        if child.tag in texts or len(child):
            raise malformed_xml()
        texts[child.tag] = (child.text or "").strip()
    return texts
