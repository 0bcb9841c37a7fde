"""What Airflow asks a provider about itself. It imports this module in every process, so nothing else comes along."""

from __future__ import annotations

from typing import Any

from airflow_provider_pai import __version__
from airflow_provider_pai.configuration import OPTIONS
from airflow_provider_pai.hooks.connection_form import PLACEHOLDERS, RELABELING, conn_fields

_INTEGRATION = "Alibaba Cloud PAI"
_GUIDES = (
    *("laptop", "account", "configuration", "failures", "scale"),
    *(
        f"guides/{name}"
        for name in ("training", "functions", "gate", "registry", "deploy", "services", "hooks", "files", "lineage")
    ),
)
_LINKS = ("PAITrainingJobLink", "PAIServiceLink", "PAIModelLink")
_OSS_ASSETS = [
    {
        "schemes": ["oss"],
        "handler": "airflow_provider_pai.assets.oss.sanitize_uri",
        "factory": "airflow_provider_pai.assets.oss.create_asset",
        "to_openlineage_converter": "airflow_provider_pai.assets.oss.convert_asset_to_openlineage",
    }
]


def get_provider_info() -> dict[str, Any]:
    """Describe the provider to Airflow (entry point ``apache_airflow_provider``).

    Returns:
        The provider description. Keys an Airflow version does not know are ignored by it, so one dict serves
        2.11 and 3.x.
    """
    return {
        "package-name": "airflow-provider-pai",
        "name": _INTEGRATION,
        "description": "Training jobs and model services on Alibaba Cloud PAI, and on a laptop with local PAI.",
        "versions": [__version__],
        "integrations": [
            {
                "integration-name": _INTEGRATION,
                "external-doc-url": "https://www.alibabacloud.com/help/en/pai/",
                "how-to-guide": [f"/docs/{page}.md" for page in _GUIDES],
                "tags": ["service"],
            }
        ],
        "hooks": [_modules("hooks", "training", "images", "oss", "services", "registry")],
        "operators": [_modules("operators", "training", "gate", "janitor", "deploy", "services", "registry")],
        # Airflow 3.4 lists them.
        "retry-policies": [_modules("operators", "retry_policy")],
        "sensors": [_modules("sensors", "training", "services", "registry")],
        "triggers": [_modules("triggers", "training", "services", "registry", "events")],
        "connection-types": [
            {
                "hook-class-name": "airflow_provider_pai.hooks.training.PAITrainingHook",
                "hook-name": _INTEGRATION,
                "connection-type": "pai",
                "conn-fields": conn_fields(),
                "ui-field-behaviour": {
                    "hidden-fields": ["host", "schema", "port"],
                    "relabeling": RELABELING,
                    "placeholders": PLACEHOLDERS,
                },
            }
        ],
        "task-decorators": [
            {
                "name": "pai_training",
                "class-name": "airflow_provider_pai.decorators.training.pai_training_task",
            }
        ],
        "asset-uris": _OSS_ASSETS,
        "dataset-uris": _OSS_ASSETS,
        "filesystems": ["airflow_provider_pai.fs.oss"],
        "extra-links": [f"airflow_provider_pai.links.{name}" for name in _LINKS],
        "config": {"pai": {"description": "Alibaba Cloud PAI.", "options": OPTIONS}},
    }


def _modules(layer: str, *names: str) -> dict[str, Any]:
    return {
        "integration-name": _INTEGRATION,
        "python-modules": [f"airflow_provider_pai.{layer}.{name}" for name in names],
    }
