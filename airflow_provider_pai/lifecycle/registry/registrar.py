"""Registering a job's model: completing what its author left out, one version, and its lineage beside the model."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

from airflow_provider_pai.api.endpoints import oss_url
from airflow_provider_pai.api.training import get_training_job
from airflow_provider_pai.client.oss.files import file_problems
from airflow_provider_pai.client.oss.storage import ObjectStorage
from airflow_provider_pai.client.packaging.source import source_requirements
from airflow_provider_pai.client.transport.config import ClientConfig
from airflow_provider_pai.client.transport.sender import Sender
from airflow_provider_pai.errors import SpecError
from airflow_provider_pai.lifecycle.log import Log
from airflow_provider_pai.lifecycle.registry.lineage import LineageRecorder
from airflow_provider_pai.lifecycle.registry.models import ModelRegistry
from airflow_provider_pai.lifecycle.registry.registration import Registered, Registration, register_or_adopt
from airflow_provider_pai.model.names import MODEL_CHANNEL
from airflow_provider_pai.model.problem import Problem
from airflow_provider_pai.model.registry.inference import inference_spec, is_service_json
from airflow_provider_pai.model.registry.lineage import Lineage
from airflow_provider_pai.model.registry.registration import JOB_LABEL, registration_key
from airflow_provider_pai.model.registry.spec import RegistrationSpec, registration_problems, service_of
from airflow_provider_pai.model.registry.version import SOURCE_TYPE, source_id
from airflow_provider_pai.model.training.status import JobSnapshot
from airflow_provider_pai.model.uri import OssUri
from airflow_provider_pai.model.values import shown


class ModelRegistrar:
    """Registers models.

    Args:
        client: sends the calls.
        registry: the registry.
        recorder: keeps where a model comes from.
        config: the connection's region and workspace.
        oss: where models lie.
        upload_code: puts local source code of a service into OSS, and returns its folder.
        final_metrics: returns the metrics of a job as the task that trains it does.
        log: where it is said what was done.
        sleep: waits, in seconds.
    """

    def __init__(
        self,
        client: Sender,
        registry: ModelRegistry,
        recorder: LineageRecorder,
        config: ClientConfig,
        *,
        oss: ObjectStorage,
        upload_code: Callable[[str], str],
        final_metrics: Callable[[JobSnapshot], Mapping[str, float]],
        log: Log,
        sleep: Callable[[float], None],
    ) -> None:
        self._client = client
        self._registry = registry
        self._recorder = recorder
        self._config = config
        self._oss = oss
        self._upload_code = upload_code
        self._final_metrics = final_metrics
        self._log = log
        self._sleep = sleep

    def register(self, spec: RegistrationSpec, facts: Mapping[str, str]) -> Registered:
        """Make sure that exactly one version of a job's model exists, and that its lineage lies beside the model.

        Args:
            spec: what is to be registered.
            facts: more to keep in the lineage, by name.

        Raises:
            SpecError: the model has no address, an argument or the job's metrics can't be registered, the version name
                is another job's, or it is a file and its inference spec mounts a folder.
        """
        spec = self._completed(spec)
        registered = register_or_adopt(self._registry, self._registration(spec), log=self._log, sleep=self._sleep)
        self._warn_of_older(spec, registered)
        # A try that was killed may have made the version, and kept nothing.
        is_kept = registered.existed and self._recorder.is_kept(spec.model_uri)
        if spec.model_uri.startswith("oss://") and not is_kept:
            known = Lineage(
                model_uri=spec.model_uri,
                model_name=registered.model.name,
                version_name=registered.version.name,
                metrics=registered.version.metrics if registered.existed else spec.metrics or {},
            )
            self._recorder.keep(spec.job_id, known, facts)
        return registered

    def _warn_of_older(self, spec: RegistrationSpec, registered: Registered) -> None:
        """Say that files were written over under a version that is registered: its metrics and approval are older."""
        metrics, version = dict(spec.metrics or {}), registered.version
        if registered.existed and metrics and metrics != dict(version.metrics):
            text = (
                "Version %s of model %s was registered from the same job or address with other metrics (%s), and is "
                "left as it is: give each model a folder of its own, or job_id"
            )
            self._log.warning(text, version.name, registered.model.name, shown(dict(version.metrics)))

    def _completed(self, spec: RegistrationSpec) -> RegistrationSpec:
        """Fill in address and metrics from the job."""
        if not spec.job_id and not spec.model_uri:
            raise SpecError([Problem("model_uri", "or job_id must be given: which model is to be registered")])
        if spec.job_id and (not spec.model_uri or spec.metrics is None):
            job = self._client.send(get_training_job(spec.job_id))
            uri = spec.model_uri or job.outputs.get(MODEL_CHANNEL, "")
            if not uri:
                text = f": job {spec.job_id} has no output channel {MODEL_CHANNEL!r}; give the model's address"
                raise SpecError([Problem("model_uri", text)])
            # What PAI has of a metric may be the beginning of a number, or an older value than its last.
            metrics = self._final_metrics(job) if spec.metrics is None else spec.metrics
            spec = replace(spec, model_uri=uri, metrics=metrics)
        # Again for a job's own metrics, and before a model is created for a version that would be refused.
        if problems := list(registration_problems(spec)):
            raise SpecError(problems)
        return spec

    def _registration(self, spec: RegistrationSpec) -> Registration:
        source = source_id(self._config.region_id, self._config.workspace_id, spec.job_id) if spec.job_id else ""
        body = {
            "Uri": self._with_endpoint(spec.model_uri),
            "ApprovalStatus": spec.approval_status,
            "FormatType": spec.format_type,
            "FrameworkType": spec.framework_type,
            "Metrics": dict(spec.metrics or {}),
            "InferenceSpec": self._inference_spec(spec.inference_spec, spec.model_uri),
            "VersionDescription": spec.description,
            **({"SourceType": SOURCE_TYPE, "SourceId": source} if source else {}),
        }
        return Registration(
            model_name=spec.model_name,
            key=registration_key(spec.model_name, spec.job_id, spec.model_uri),
            source_id=source,
            body={name: value for name, value in body.items() if value},
            labels={**spec.labels, **({JOB_LABEL: spec.job_id} if spec.job_id else {})},
            version_name=spec.version_name,
            description=spec.model_description,
        )

    def _inference_spec(self, given: Mapping[str, Any], model_uri: str) -> dict[str, Any]:
        if not given or is_service_json(given):
            return dict(given)
        service, problems = service_of(given)
        if problems:
            raise SpecError(problems)
        code = service.source_dir
        requirements = tuple(dict.fromkeys((*source_requirements(code), *service.requirements)))
        service = replace(service, requirements=requirements)
        if not service.processor and (problems := file_problems(lambda: self._oss, "model_uri", model_uri)):
            raise SpecError(problems)
        mounted = str(OssUri.parse(model_uri).without_endpoint()) if model_uri.startswith("oss://") else ""
        code = code if not code or code.startswith("oss://") else self._upload_code(code)
        return inference_spec(service, code, mounted)

    def _with_endpoint(self, model_uri: str) -> str:
        """Return an address as the registry wants it: ``oss://bucket.endpoint/key``."""
        if not model_uri.startswith("oss://"):
            return model_uri
        uri = OssUri.parse(model_uri)
        return str(uri if uri.endpoint else replace(uri, endpoint=urlsplit(oss_url(self._config.region_id)).netloc))
