"""Whether a store's folder has all its parts: what is left of one may be the only copy."""

from __future__ import annotations

from pathlib import Path

from airflow_provider_pai.local.home import HomeDamaged
from airflow_provider_pai.local.oss.blobs import Blobs
from airflow_provider_pai.local.oss.index import Index

INDEX = "index.sqlite3"
"""Name of the index in the folder."""


def check_complete(folder: Path, index: Index, blobs: Blobs) -> None:
    """Refuse a folder that lacks a part, before anything in it is swept.

    A server that is killed leaves at most bytes that the index does not name yet or any more, beside a bucket.

    Raises:
        HomeDamaged: there are bytes and an index that is empty, or the index names bytes that are not there.
    """
    named, there = index.blob_names(), blobs.names()
    problem = ""
    if there and not named and not index.has_buckets():
        problem = f"holds the bytes of {len(there)} objects, but {folder / INDEX} is empty"
    elif missing := named - there:
        problem = f"lacks the bytes of {len(missing)} objects that {folder / INDEX} names"
    if problem:
        raise HomeDamaged(f"{folder} is damaged: it {problem}; bring back what is missing, or remove the folder")
