"""What CreateService and UpdateService refuse: what EAS presumably does, and what local PAI can't honour."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, cast

from airflow_provider_pai.local.eas.config import name_of
from airflow_provider_pai.local.eas.container_checks import container_problems
from airflow_provider_pai.local.eas.errors import invalid, missing
from airflow_provider_pai.local.eas.names import label_problems, name_problems
from airflow_provider_pai.local.eas.resource_checks import metadata_problems, resource_problems
from airflow_provider_pai.local.eas.schema import FORM, PROCESSOR_MEMBERS, expand_dotted
from airflow_provider_pai.local.eas.storage_checks import storage_problems
from airflow_provider_pai.local.http.schema import schema_problems

Body = Mapping[str, Any]

_MAX_TOKEN = 256


@dataclass(frozen=True)
class ServiceChecks:
    """Decides whether a service can be what its JSON says.

    Attributes:
        workspace_id: the only workspace.
        instance_type_known: tells whether an instance type exists.
        bucket_exists: tells whether an OSS bucket exists.
    """

    workspace_id: str
    instance_type_known: Callable[[str], bool]
    bucket_exists: Callable[[str], bool]

    def well_formed(self, value: object) -> dict[str, Any]:
        """Return a whole service JSON, or a part of one, when its members and their types are right.

        Raises:
            ErrorResponse: 400 InvalidParameter; the message names the member.
        """
        for name in PROCESSOR_MEMBERS if isinstance(value, Mapping) else ():
            if name in cast(Body, value):
                raise invalid(f"{name} is not supported: local PAI runs services of containers only; send containers.")
        value = expand_dotted(value) if isinstance(value, Mapping) else value
        for problem in schema_problems(value, FORM):
            raise invalid(problem + ".")
        return dict(cast(Body, value))

    def checked(self, value: object) -> dict[str, Any]:
        """Return a whole service JSON when a service can be what it says.

        Raises:
            ErrorResponse: 400 MissingParameter or InvalidParameter; the message names the member.
        """
        config = self.well_formed(value)
        for path, given in (("name", name_of(config)), ("containers", config.get("containers"))):
            if not given:
                raise missing(path)
        if not config["containers"][0].get("image"):
            raise missing("containers[0].image")
        for problem in self._problems(config):
            raise invalid(problem + ".")
        return config

    def _problems(self, config: Body) -> Iterator[str]:
        metadata, name = config.get("metadata", {}), name_of(config)
        yield from name_problems("name", name)
        if metadata.get("name", name) != name:
            yield f"name and metadata.name contradict each other: {name!r} and {metadata['name']!r}"
        token = config.get("token", "token")
        if not (0 < len(token) <= _MAX_TOKEN and token.isascii() and token.isprintable() and " " not in token):
            yield f"token is invalid: it must be at most {_MAX_TOKEN} printable ASCII characters without blanks"
        yield from container_problems(config["containers"])
        yield from storage_problems(config.get("storage", ()), self.bucket_exists)
        yield from resource_problems(config, self.instance_type_known)
        yield from metadata_problems(metadata, self.workspace_id)
        yield from label_problems(config.get("labels", {}))
