"""The form of the service JSON: the members that local PAI knows, and their types.

Names are those of EAS's page "parameters of model services". What changes nothing that an instance or a caller of a
local service sees is taken, see ``without_effect``; what would change something is refused by name.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from airflow_provider_pai.local.http.schema import MapOf, Schema, Unsupported

_CHECK: dict[str, Schema] = {
    "http_get": {"path": str, "port": int},
    "tcp_socket": {"port": int},
    "initial_delay_seconds": int,
    "period_seconds": int,
    "timeout_seconds": int,
    "success_threshold": int,
    "failure_threshold": int,
}
CHECKS = ("startup_check", "liveness_check", "health_check")
_CONTAINER: dict[str, Schema] = {
    "image": str,
    "port": int,
    "script": str,
    "command": object,
    "args": object,
    "env": [{"name": str, "value": str}],
    "prepare": {"pythonRequirements": [str], "pythonRequirementsPath": str},
    "resources": Unsupported(),
    **dict.fromkeys(CHECKS, _CHECK),
}
_STORAGE: dict[str, Schema] = {
    "mount_path": str,
    "oss": {"path": str, "endpoint": str, "readOnly": bool},
    "empty_dir": {"medium": str, "size_limit": object},
    "properties": MapOf(str),
    # Refused by name: see storage_checks.
    "dataset": object,
    "nfs": object,
    "cpfs": object,
    "git": object,
    "image": object,
    "local_dir": object,
    "code_source": object,
    "resource": object,
}
_METADATA: dict[str, Schema] = {
    "name": str,
    "instance": int,
    "cpu": float,
    "memory": int,
    "gpu": int,
    "gpu_memory": object,
    "gpu_core_percentage": object,
    "resource": str,
    "quota_id": str,
    "workspace_id": object,
    "type": str,
    "group": str,
    "traffic_state": str,
    "enable_webservice": bool,
    "enable_grpc": Unsupported(),
    "rdma": int,
    "rolling_strategy": {"max_surge": object, "max_unavailable": object},
    "disk": str,
    "shm_size": int,
    "eas": {"termination_grace_period": int},
    "rpc": {
        "keepalive": int,
        "io_threads": int,
        "worker_threads": int,
        "enable_jemalloc": bool,
        "proxy_path": str,
        "batching": Unsupported(),
        "max_batch_size": Unsupported(),
        "max_batch_timeout": Unsupported(),
        "max_queue_size": int,
        "rate_limit": Unsupported(),
    },
}
FORM: dict[str, Schema] = {
    "name": str,
    "token": str,
    "metadata": _METADATA,
    "cloud": {
        "computing": {
            "instance_type": str,
            "instances": [{"type": str}],
            "disable_spot_protection_period": bool,
        },
        "networking": object,
    },
    "containers": [_CONTAINER],
    "storage": [_STORAGE],
    "labels": MapOf(str),
    "dockerAuth": str,
    "oss_endpoint": str,
    "networking": object,
    "autoscaler": Unsupported(),
    "features": object,
    "aimaster": Unsupported(),
    "role": Unsupported(),
}
PROCESSOR_MEMBERS = (
    "processor",
    "processor_path",
    "processor_entry",
    "processor_mainclass",
    "processor_type",
    "processor_params",
    "model_path",
    "model_entry",
    "model_config",
    "warm_up_data_path",
    "source",
    "runtime",
    "preloads",
)
"""Members of services that are a model and a processor instead of a container."""


def expand_dotted(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return a service JSON with objects for dotted names: ``{"rpc.keepalive": 1}`` is ``{"rpc": {"keepalive": 1}}``.

    EAS's documents and older clients write members of ``metadata`` so, and some write whole paths at the top
    [inferred: both forms mean the same]. The names of ``features`` and labels have dots of their own.
    """
    expanded: dict[str, Any] = {}
    for name, value in config.items():
        first, dot, rest = name.partition(".")
        if dot and first in ("metadata", "cloud"):
            _merge_into(expanded.setdefault(first, {}), {rest: value})
        elif name in ("metadata", "cloud") and isinstance(value, Mapping):
            _merge_into(expanded.setdefault(name, {}), value)
        else:
            expanded[name] = value
    return expanded


def _merge_into(target: dict[str, Any], members: Mapping[str, Any]) -> None:
    for name, value in members.items():
        first, dot, rest = name.partition(".")
        known = target.setdefault(first, {}) if dot else None
        if isinstance(known, dict):
            _merge_into(known, {rest: value})
        elif isinstance(value, Mapping) and isinstance(target.get(name), dict):
            _merge_into(target[name], value)
        else:
            target[name] = dict(value) if isinstance(value, Mapping) else value
