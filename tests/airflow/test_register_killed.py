"""A registration that is killed before or after any request, and tried again."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from uuid import uuid4

import pytest

from airflow_provider_pai.hooks.oss import PAIOSSHook
from airflow_provider_pai.hooks.registry import PAIModelRegistryHook
from airflow_provider_pai.local.server import LocalPAI
from airflow_provider_pai.operators.registry import PAIRegisterModelOperator
from tests.support.attempt import Attempt, executed, training
from tests.support.interrupted import Died, interrupted


class Killed(PAIRegisterModelOperator):
    """A registration at whose requests something happens."""

    happening: dict[str, Callable[[str], None]]

    def _hook(self) -> PAIModelRegistryHook:
        return interrupted(super()._hook(), **self.happening)


class Death:
    """Kills at the k-th request."""

    def __init__(self, at: int) -> None:
        self._left = at
        self.came = False

    def __call__(self, _: str) -> None:
        self._left -= 1
        if self._left == 0:
            self.came = True
            raise Died


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_kill_at_any_request_and_a_retry_make_one_version(pai: LocalPAI, moment: str) -> None:
    trained = executed(
        training(
            command="echo acc=0.93; echo model > $PAI_OUTPUT_MODEL/model",
            metric_definitions=[{"name": "acc", "regex": "acc=([0-9.]+)"}],
        ),
        Attempt().context,
    )
    hook, kills = PAIModelRegistryHook(), 0
    for at in count(1):
        name, job_id = f"churn-{uuid4().hex[:8]}", trained["job_id"]
        uri = PAIOSSHook().default_folder("registry", name)
        PAIOSSHook().write(f"{uri}model", b"a model")
        operator = Killed(task_id="register", model_name=name, model_uri=uri, job_id=job_id, labels={"team": "risk"})
        attempt, death = Attempt(task_id="register", max_tries=1), Death(at)
        operator.happening = {moment: death}
        try:
            value = executed(operator, attempt.context)
        except Died:
            operator.happening = {}
            value = executed(operator, attempt.retried().context)
        assert hook.find(name) is not None, at
        (version,) = hook.versions(name)
        assert (value["version_name"], version.name, version.job_id) == ("0.1.0", "0.1.0", job_id), at
        assert (version.metrics, version.labels["team"]) == ({"acc": 0.93}, "risk"), at
        lineage = hook.lineage(name, "0.1.0")
        assert (lineage.job_id, lineage.airflow["registered_by"]) == (job_id, "tests.register"), at
        if not death.came:
            break
        kills += 1
    assert kills >= 5
