"""What Airflow asks a provider about itself. It imports this module in every process, so nothing else comes along."""

from __future__ import annotations

from typing import Any

from airflow_provider_pai import __version__

_INTEGRATION = "Alibaba Cloud PAI"


def get_provider_info() -> dict[str, Any]:
    """Describe the provider to Airflow (entry point ``apache_airflow_provider``).

    Returns:
        The provider description. Keys an Airflow version does not know are ignored by it, so one dict serves
        2.11 and 3.x.
    """
    return {
        "package-name": "airflow-provider-pai",
        "name": _INTEGRATION,
        "description": "Training jobs on Alibaba Cloud PAI, and on a laptop with local PAI.",
        "versions": [__version__],
        "integrations": [
            {
                "integration-name": _INTEGRATION,
                "external-doc-url": "https://www.alibabacloud.com/help/en/pai/",
                "tags": ["service"],
            }
        ],
        "hooks": [_modules("hooks", "training", "images", "oss")],
        "operators": [_modules("operators", "training", "janitor")],
        "triggers": [_modules("triggers", "training")],
        "connection-types": [
            {
                "hook-class-name": "airflow_provider_pai.hooks.training.PAITrainingHook",
                "hook-name": _INTEGRATION,
                "connection-type": "pai",
                "conn-fields": _connection_fields(),
                "ui-field-behaviour": {
                    "hidden-fields": ["host", "schema", "port"],
                    "relabeling": {"login": "Access Key ID", "password": "Access Key Secret"},
                },
            }
        ],
        "extra-links": ["airflow_provider_pai.links.PAITrainingJobLink"],
        "config": {
            "pai": {
                "description": "Alibaba Cloud PAI.",
                "options": {
                    "deployment_name": {
                        "description": (
                            "Name of this Airflow in the labels of its jobs. It must differ between deployments that "
                            "use one PAI workspace; by default it is the base URL of the web pages."
                        ),
                        "version_added": "0.1.0",
                        "type": "string",
                        "example": "production",
                        "default": "",
                    }
                },
            }
        },
    }


def _modules(layer: str, *names: str) -> dict[str, Any]:
    return {
        "integration-name": _INTEGRATION,
        "python-modules": [f"airflow_provider_pai.{layer}.{name}" for name in names],
    }


def _connection_fields() -> dict[str, Any]:
    """Return the form's fields of Airflow 3.2 and newer; a field is optional when its type admits null."""
    optional = {"type": ["string", "null"]}
    return {
        "region_id": {"label": "Region", "description": "For example cn-hangzhou.", "schema": {"type": "string"}},
        "workspace_id": {"label": "Workspace ID", "description": "For example 12345.", "schema": {"type": "string"}},
        "bucket": {
            "label": "OSS bucket",
            "description": "For code and outputs; by default the workspace's default storage.",
            "schema": optional,
        },
        "network": {
            "label": "Network",
            "description": "public (default), or vpc for the hosts inside a VPC.",
            "schema": {**optional, "enum": ["public", "vpc", None]},
        },
        "security_token": {
            "label": "Security token",
            "description": "Of temporary credentials (STS).",
            "schema": {**optional, "format": "password"},
        },
        "endpoint": {"label": "Endpoint", "description": "URL in place of the region's.", "schema": optional},
        "oss_endpoint": {"label": "OSS endpoint", "description": "URL in place of the region's.", "schema": optional},
    }
