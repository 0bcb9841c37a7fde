"""All probes that cost nothing."""

from __future__ import annotations

from airflow_provider_pai.local.verify.object_probes import OBJECT_PROBES
from airflow_provider_pai.local.verify.service_probes import SERVICE_PROBES
from airflow_provider_pai.local.verify.signature_probes import SIGNATURE_PROBES
from airflow_provider_pai.local.verify.training_probes import TRAINING_PROBES
from airflow_provider_pai.local.verify.workspace_probes import WORKSPACE_PROBES

PROBES = (*TRAINING_PROBES, *WORKSPACE_PROBES, *SERVICE_PROBES, *SIGNATURE_PROBES, *OBJECT_PROBES)
