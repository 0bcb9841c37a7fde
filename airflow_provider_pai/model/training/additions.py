"""What a job gets beside what its author asks for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from airflow_provider_pai.model.training.owner_labels import readable
from airflow_provider_pai.model.training.spec import TrainingJobSpec

BUNDLE_NAME_LABEL = "airflow.bundle_name"
"""The DAG bundle (Airflow 3) that the task's code came from."""
BUNDLE_VERSION_LABEL = "airflow.bundle_version"
"""The bundle's version, such as a commit; missing where bundles have none."""


@dataclass(frozen=True)
class JobAdditions:
    """Labels and environment variables that Airflow's side adds.

    They may be others in each try, so they are no part of what tries are compared by: neither the key of the task nor
    the fingerprint of the arguments. What the author gives under the same name wins.

    Attributes:
        labels: labels of the job.
        environments: environment variables of the job.
    """

    labels: Mapping[str, str] = field(default_factory=dict)
    environments: Mapping[str, str] = field(default_factory=dict)

    def applied(self, spec: TrainingJobSpec) -> TrainingJobSpec:
        """Return a job that has them."""
        labels, environments = {**self.labels, **spec.labels}, {**self.environments, **spec.environments}
        return replace(spec, labels=labels, environments=environments)


NOTHING_ADDED = JobAdditions()


def bundle_labels(name: str | None, version: str | None) -> dict[str, str]:
    """Return the labels that tell of a DAG bundle.

    Args:
        name: its name; None where Airflow has no bundles.
        version: its version; None where it has none.
    """
    found = {BUNDLE_NAME_LABEL: name, BUNDLE_VERSION_LABEL: version}
    return {label: readable(text) for label, text in found.items() if text}
