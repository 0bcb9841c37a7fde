"""What tasks wait for: a version of some approval status."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from airflow_provider_pai.model.registry.version import APPROVED, ModelVersion, newest


@dataclass(frozen=True)
class VersionCondition:
    """A version that is waited for.

    Attributes:
        version_name: this version; empty for the newest that has one of the statuses.
        statuses: approval statuses that end the wait.
    """

    version_name: str = ""
    statuses: tuple[str, ...] = (APPROVED,)

    def met_by(self, versions: Iterable[ModelVersion]) -> ModelVersion | None:
        """Return the version that ends the wait; None to wait on."""
        fitting = [each for each in versions if each.approval_status in self.statuses]
        if self.version_name:
            return next((each for each in fitting if each.name == self.version_name), None)
        return newest(fitting)

    def is_missing(self, versions: Iterable[ModelVersion]) -> bool:
        """Whether a certain version is waited for and the model does not have it."""
        return bool(self.version_name) and all(each.name != self.version_name for each in versions)
