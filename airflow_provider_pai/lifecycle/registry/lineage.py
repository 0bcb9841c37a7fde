"""From what serves, or a version, or a model's address, to its data: kept beside the model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from itertools import islice
from typing import Any

from airflow_provider_pai.api.training import get_training_job
from airflow_provider_pai.client.oss.storage import ObjectStorage
from airflow_provider_pai.client.transport.sender import Sender
from airflow_provider_pai.errors import NotFoundError, PAIError
from airflow_provider_pai.lifecycle.log import Log
from airflow_provider_pai.lifecycle.registry.models import ModelRegistry
from airflow_provider_pai.model.registry.lineage import (
    LINEAGE_FILE,
    MAX_OBJECTS,
    InputLineage,
    Lineage,
    parse_job_lineage,
    read_lineage,
    write_lineage,
)
from airflow_provider_pai.model.registry.registration import APPROVED_AT_LABEL, APPROVED_BY_LABEL
from airflow_provider_pai.model.registry.version import ModelVersion
from airflow_provider_pai.model.uri import OssUri


class LineageRecorder:
    """Writes and reads the record beside a model.

    Args:
        client: sends the calls.
        oss: reads and writes objects.
        log: where it is said what could not be kept.
    """

    def __init__(self, client: Sender, oss: ObjectStorage, log: Log) -> None:
        self._client = client
        self._oss = oss
        self._log = log

    def keep(self, job_id: str, wanted: Lineage, facts: Mapping[str, str]) -> Lineage:
        """Write what is known of a model beside it, and return it. What can't be read is left out, with a warning.

        Args:
            job_id: the job that made it; empty for none.
            wanted: what is known already.
            facts: more about the task in Airflow, by name.
        """
        lineage = replace(self._of_job(job_id), **_known(wanted))
        lineage = replace(lineage, airflow={**lineage.airflow, **facts})
        try:
            self._oss.write(_record_of(lineage.model_uri), write_lineage(lineage))
        except PAIError as error:
            self._log.warning("The lineage of %s can't be kept (%s)", lineage.model_uri, error)
        return lineage

    def is_kept(self, model_uri: str) -> bool:
        """Whether there is a record beside a model in OSS; one that can't be looked for is taken to be there."""
        if not model_uri.startswith("oss://"):
            return False
        try:
            return self._oss.exists(_record_of(model_uri))
        except PAIError as error:
            self._log.warning("Whether the lineage of %s is kept can't be seen (%s)", model_uri, error)
            return True

    def read(self, model_uri: str) -> Lineage:
        """Return what lies beside a model.

        Raises:
            NotFoundError: there is no record: the model was not registered by this provider.
            ValueError: there is something else in its place.
        """
        return read_lineage(self._oss.read(_record_of(model_uri)))

    def _of_job(self, job_id: str) -> Lineage:
        if not job_id:
            return Lineage()
        try:
            job = self._client.send(replace(get_training_job(job_id), parse=parse_job_lineage))  # type: ignore[arg-type]
        except PAIError as error:
            self._log.warning("Where the model of job %s comes from can't be read (%s)", job_id, error)
            return Lineage(job_id=job_id)
        lineage: Lineage = job  # type: ignore[assignment]
        return replace(lineage, inputs={name: self._fingerprinted(each) for name, each in lineage.inputs.items()})

    def _fingerprinted(self, channel: InputLineage) -> InputLineage:
        """Return an input with the ETag and size of its objects."""
        if not channel.uri.startswith("oss://"):
            return channel
        try:
            found = list(islice(self._oss.fingerprints(OssUri.parse(channel.uri)), MAX_OBJECTS + 1))
        except (PAIError, ValueError) as error:
            self._log.warning("The objects of input %s can't be listed (%s)", channel.uri, error)
            return channel
        objects = tuple({"key": key, "etag": etag, "size": size} for key, etag, size in found[:MAX_OBJECTS])
        return replace(channel, objects=objects, complete=len(found) <= MAX_OBJECTS)


def _record_of(model_uri: str) -> OssUri:
    return OssUri.parse(model_uri).folder().child(LINEAGE_FILE)


def lineage_of_version(
    recorder: LineageRecorder, model_name: str, version: ModelVersion, kept: Lineage | None = None
) -> Lineage:
    """Return where a version comes from; of one that was registered without a record, what the version itself tells.

    Args:
        recorder: reads the record beside the model.
        model_name: the model.
        version: the version, as it is now.
        kept: the record, if it was read already.
    """
    try:
        kept = kept or recorder.read(version.uri)
    except (NotFoundError, ValueError):
        kept = Lineage(model_uri=version.uri, job_id=version.job_id)
    return replace(
        kept,
        model_uri=kept.model_uri or version.uri,
        job_id=kept.job_id or version.job_id,
        model_name=model_name,
        version_name=version.name,
        approval_status=version.approval_status,
        approved_by=version.labels.get(APPROVED_BY_LABEL, ""),
        approved_at=version.labels.get(APPROVED_AT_LABEL, ""),
        metrics=version.metrics or kept.metrics,
    )


def lineage_of_service(
    recorder: LineageRecorder, registry: ModelRegistry, service_name: str, model_uri: str
) -> Lineage:
    """Return where the model of a service comes from: its record, and what the registry says of its approval now.

    Args:
        recorder: reads the record beside the model.
        registry: the registry.
        service_name: the service.
        model_uri: the model that it serves.

    Raises:
        NotFoundError: there is no record beside the model.
    """
    kept = recorder.read(model_uri)
    if kept.model_name and (model := registry.find(kept.model_name)):
        kept = lineage_of_version(recorder, model.name, registry.version(model, kept.version_name), kept)
    return replace(kept, service_name=service_name)


def _known(lineage: Lineage) -> Mapping[str, Any]:
    """Return the members that say something."""
    return {name: value for name, value in vars(lineage).items() if value}
