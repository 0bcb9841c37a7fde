"""Apache Airflow provider for training jobs on Alibaba Cloud PAI.

What belongs here: the version and what Airflow asks a provider about itself. Airflow imports this module in
every process, so it imports nothing.
"""

from __future__ import annotations

from typing import Any

__version__ = "0.1.0"


def get_provider_info() -> dict[str, Any]:
    """Describe the provider to Airflow (entry point ``apache_airflow_provider``).

    Returns:
        The provider description. Keys an Airflow version does not know are ignored by it, so one dict serves
        2.11 and 3.x.
    """
    return {
        "package-name": "airflow-provider-pai",
        "name": "Alibaba Cloud PAI",
        "description": "Training jobs on Alibaba Cloud PAI, and on a laptop with local PAI.",
        "versions": [__version__],
        "integrations": [
            {
                "integration-name": "Alibaba Cloud PAI",
                "external-doc-url": "https://www.alibabacloud.com/help/en/pai/",
                "tags": ["service"],
            }
        ],
        "hooks": [
            {
                "integration-name": "Alibaba Cloud PAI",
                "python-modules": [
                    "airflow_provider_pai.hooks.training",
                    "airflow_provider_pai.hooks.images",
                    "airflow_provider_pai.hooks.oss",
                ],
            }
        ],
        "operators": [
            {
                "integration-name": "Alibaba Cloud PAI",
                "python-modules": ["airflow_provider_pai.operators.training"],
            }
        ],
        "triggers": [
            {
                "integration-name": "Alibaba Cloud PAI",
                "python-modules": ["airflow_provider_pai.triggers.training"],
            }
        ],
        "connection-types": [
            {
                "hook-class-name": "airflow_provider_pai.hooks.training.PAITrainingHook",
                "hook-name": "Alibaba Cloud PAI",
                "connection-type": "pai",
            }
        ],
        "extra-links": ["airflow_provider_pai.links.PAITrainingJobLink"],
    }
