"""Sub-resources and parameters that OSS's clients know: those of oss2's V1 list and of both SDKs' operations."""

from __future__ import annotations

import oss2

# fmt: off
OF_ALIBABACLOUD_OSS_V2 = frozenset({
    "MetaQuery", "accessPoint", "accessPointPolicy", "accessmonitor", "acl", "action", "agenticBucket", "append",
    "bucketArchiveDirectRead", "bucketInfo", "bucketSpace", "cleanRestoredObject", "cloudboxes", "cname", "comp",
    "cors", "dataPipeline", "delete", "deleteVectorIndex", "deleteVectors", "encryption", "getVectorIndex",
    "getVectors", "httpsConfig", "inventory", "legalHold", "lifecycle", "listVectorIndexes", "listVectors",
    "location", "logging", "metaQuery", "metadataConfiguration", "metadataInventoryTable", "metadataJournalTable",
    "objectMeta", "objectWorm", "overwriteConfig", "policy", "policyStatus", "position", "publicAccessBlock",
    "putVectorIndex", "putVectorIndexFusion", "putVectors", "queryVectors", "queryVectorsFusion", "quota",
    "redundancyTransition", "referer", "regions", "replication", "replicationLocation", "replicationProgress",
    "requestPayment", "resourceGroup", "restore", "retention", "rtc", "seal", "stat", "status", "style", "symlink",
    "tagging", "transferAcceleration", "uploads", "userDefinedLogFieldsConfig", "versioning", "versions", "website",
    "worm", "wormExtend", "x-oss-async-process", "x-oss-process",
})
"""Parameters by which alibabacloud-oss-v2 1.4.1 tells its operations apart."""

_OF_OSS2_ALONE = frozenset({"accessmonitor", "qos", "regions", "rule-id", "playlistName", "resourcePoolInfo"})
_OF_NO_SDK = frozenset({"", "x", "Acl", "DELETE", "uploadid", "prefix ", "acl;delete", "x-oss-unknown", "versionId"})
# fmt: on

KNOWN_TO_CLIENTS = frozenset(oss2.ProviderAuth._subresource_key_set) | OF_ALIBABACLOUD_OSS_V2 | _OF_OSS2_ALONE
ALL_NAMES = sorted((KNOWN_TO_CLIENTS | _OF_NO_SDK) - {"", "security-token"})
