"""What a service needs before it can be created: what only the cloud can tell, and its source code in OSS."""

from __future__ import annotations

import difflib
import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from airflow_provider_pai.client.oss.files import file_problems
from airflow_provider_pai.client.oss.storage import ObjectStorage
from airflow_provider_pai.client.packaging.source import source_problems, source_requirements
from airflow_provider_pai.errors import NotFoundError, PAIError
from airflow_provider_pai.lifecycle.serving.services import Services
from airflow_provider_pai.model.problem import Problem
from airflow_provider_pai.model.serving.request import service_body
from airflow_provider_pai.model.serving.spec import ServiceSpec
from airflow_provider_pai.model.uri import OssUri

_NEAR = 5


class ServicePreparation:
    """Checks services and makes their JSON.

    Args:
        services: the services of the region.
        oss: returns what reads and writes objects.
        storage: returns the folder that source code is uploaded to.
    """

    def __init__(self, services: Services, oss: Callable[[], ObjectStorage], storage: Callable[[], OssUri]) -> None:
        self._services = services
        self._oss = oss
        self._storage = storage

    def problems(self, spec: ServiceSpec, known: Sequence[Problem] = ()) -> list[Problem]:
        """Return what is wrong with a service beyond its spec: model, source code, instance type.

        Args:
            spec: the service.
            known: problems of the spec itself; what they name isn't looked at again.
        """
        named = {problem.argument for problem in known}
        found: list[Problem] = []
        if "source_dir" not in named and spec.source_dir:
            found += self._source_problems(spec.source_dir)
        if "model_uri" not in named and spec.model_uri:
            found += self._missing("model_uri", spec.model_uri, may_be_object=bool(spec.processor))
        if "instance_type" not in named and spec.instance_type:
            found += self._machine_problems(spec.instance_type)
        return found

    def body(self, spec: ServiceSpec) -> dict[str, Any]:
        """Return the service JSON of a spec that has no problems. Uploads the source code."""
        requirements = source_requirements(spec.source_dir or None)
        complete = replace(spec, requirements=tuple(dict.fromkeys((*requirements, *spec.requirements))))
        return service_body(complete, self._services.workspace_id, self._code(spec.source_dir))

    def _source_problems(self, source_dir: str) -> list[Problem]:
        if source_dir.startswith("oss://"):
            return self._missing("source_dir", source_dir)
        # Path.is_file raises for a name that no file can have.
        if os.path.isfile(source_dir):  # noqa: PTH113
            return [Problem("source_dir", f"{source_dir!r} is a file, which a service can't mount; give its folder")]
        return source_problems(source_dir)

    def _missing(self, argument: str, uri: str, *, may_be_object: bool = False) -> list[Problem]:
        """Return why there is nothing to mount at a URI: a service without its model would start nevertheless."""
        place = OssUri.parse(uri)
        oss = self._oss()
        try:
            if may_be_object and not place.is_folder and oss.exists(place):
                return []
            # An object that ends in a slash only shows the folder in a console.
            if any(not item.is_folder for item, _ in oss.objects(place.folder())):
                return []
        except NotFoundError as error:
            return [Problem(argument, f"{uri!r} can't be read: {error}")]
        if found := file_problems(self._oss, argument, uri):
            return found
        text = f"{uri!r} is a folder without files: give the OSS path that the training task has returned"
        return [Problem(argument, text)]

    def _machine_problems(self, instance_type: str) -> list[Problem]:
        try:
            known = [machine.instance_type for machine in self._services.machines()]
        except PAIError as error:
            # Listing machines needs a permission of its own; without it, EAS judges the type at create.
            self._services.log.warning("instance_type can't be checked beforehand (%s)", error)
            return []
        if not known or instance_type in known:
            return []
        near = difflib.get_close_matches(instance_type, known, n=_NEAR, cutoff=0.0)
        region = self._services.region_id
        text = f"{instance_type!r} is unknown in {region}; there are, for example, {', '.join(near)}"
        return [Problem("instance_type", text)]

    def _code(self, source_dir: str) -> str:
        if not source_dir or source_dir.startswith("oss://"):
            return source_dir
        log = self._services.log.info
        return str(self._oss().upload_input(Path(source_dir), self._storage(), log, source_code=True))
