"""OpenLineage's classes, filled in. Loaded only where its library is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from airflow.providers.common.compat.openlineage.facet import (
    BaseFacet,
    ExternalQueryRunFacet,
    InputDataset,
    OutputDataset,
    RunFacet,
)
from airflow.providers.openlineage.extractors import OperatorLineage

from airflow_provider_pai.lineage.facts import DatasetName, LineageFacts

SOURCE = "pai"


def operator_lineage(facts: LineageFacts) -> OperatorLineage[Any, Any]:
    """Return what OpenLineage is to know of a task's work.

    Facets that an older library does not have are left out.

    Args:
        facts: what is known of it.
    """
    runs: dict[str, Any] = {facts.facet: _custom(facts.shown_details)}
    if facts.external_id:
        runs["externalQuery"] = ExternalQueryRunFacet(externalQueryId=facts.external_id, source=SOURCE)
    if facts.failure:
        runs["pai_failure"] = _custom(facts.failure)
    return OperatorLineage(
        inputs=[InputDataset(namespace=name.namespace, name=name.name, facets=_kind(name)) for name in facts.inputs],
        outputs=[OutputDataset(namespace=name.namespace, name=name.name, facets=_kind(name)) for name in facts.outputs],
        run_facets={**runs, **_parameters(facts.shown_parameters)},
        job_facets=_code(facts.code_uri),
    )


def _custom(members: Mapping[str, Any]) -> BaseFacet:
    """Return a facet of our own; its schema is that of all run facets, which takes further members."""
    return RunFacet().with_additional_properties(**members)


def _kind(name: DatasetName) -> dict[str, Any]:
    try:
        from openlineage.client.generated.dataset_type_dataset import DatasetTypeDatasetFacet
    except ImportError:
        return {}
    return {"datasetType": DatasetTypeDatasetFacet(datasetType=name.kind)} if name.kind else {}


def _parameters(parameters: Mapping[str, str]) -> dict[str, Any]:
    try:
        from openlineage.client.generated.execution_parameters_run import (
            ExecutionParameter,
            ExecutionParametersRunFacet,
        )
    except ImportError:
        return {}
    found = [ExecutionParameter(key=name, value=value) for name, value in sorted(parameters.items())]
    return {"executionParameters": ExecutionParametersRunFacet(parameters=found)} if found else {}


def _code(uri: str) -> dict[str, Any]:
    try:
        from openlineage.client.generated.source_code_location_job import SourceCodeLocationJobFacet
    except ImportError:
        return {}
    return {"sourceCodeLocation": SourceCodeLocationJobFacet(type="oss", url=uri)} if uri else {}
