"""What Airflow asks about assets with an ``oss://`` URI: how they are made, written and called in lineage.

Airflow loads this module wherever such an asset is made, so little comes along.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import SplitResult, urlunsplit

from airflow_provider_pai.model.uri import OssUri

if TYPE_CHECKING:
    from airflow.providers.common.compat.openlineage.facet import Dataset
    from airflow.providers.common.compat.sdk import Asset


def create_asset(*, bucket: str, key: str, extra: dict[str, Any] | None = None) -> Asset:
    """Make the asset of an object or a folder in OSS.

    Args:
        bucket: name of the bucket.
        key: key of the object, or of the folder.
        extra: anything else that is known of it; JSON.
    """
    from airflow.providers.common.compat.sdk import Asset

    return Asset(uri=f"oss://{bucket}/{key.removeprefix('/')}", extra=extra)


def sanitize_uri(uri: SplitResult) -> SplitResult:
    """Bring an asset's URI into the one form for its place: without the endpoint of the bucket's region.

    Raises:
        ValueError: it is no OSS URI; the message says why.
    """
    place = OssUri.parse(urlunsplit(uri))
    return SplitResult("oss", place.bucket, f"/{place.key}", "", "")


def convert_asset_to_openlineage(asset: Asset, lineage_context: object) -> Dataset:  # noqa: ARG001 - Airflow's signature
    """Return an asset as OpenLineage calls it: the bucket is the namespace, the key the name.

    OpenLineage has no words on OSS; this is how it calls other object stores.
    """
    from airflow.providers.common.compat.openlineage.facet import Dataset

    place = OssUri.parse(asset.uri)
    return Dataset(namespace=f"oss://{place.bucket}", name=place.key or "/")
