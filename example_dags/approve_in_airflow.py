"""Let a person approve or reject a version of a model in Airflow; needs Airflow 3.1 or newer.

Trigger it with the model's name. The page of the task ``ask`` shows the metrics of the newest version that waits,
beside those of the champion, the newest approved version. The answer is written to PAI's model registry, with the
person's name and reason. Who comes first decides: when the version was approved or rejected in PAI's console meanwhile,
with another answer, ``answer`` fails and says so. An approved version is deployed; a rejection skips that.
"""

from typing import Any

from airflow.providers.common.compat.sdk import (
    DAG,
    AirflowOptionalProviderFeatureException,
    AirflowSkipException,
    Param,
    task,
)

from airflow_provider_pai.operators.deploy import PAIDeployServiceOperator

try:
    from airflow.providers.standard.operators.hitl import HITLOperator
except (ImportError, AirflowOptionalProviderFeatureException):
    # Airflow 2.11 and 3.0 can't ask a person: there is no such DAG.
    HITLOperator = None

APPROVE, REJECT = "Approve", "Reject"


@task(multiple_outputs=True)
def compare(params: dict[str, Any]) -> dict[str, str]:
    """Return which version waits, and a table of its metrics beside the champion's."""
    from airflow_provider_pai.hooks.registry import PAIModelRegistryHook

    name, hook = params["model"], PAIModelRegistryHook()
    waiting = hook.newest(name, "Pending")
    if waiting is None:
        raise AirflowSkipException(f"no version of model {name} waits for approval")
    champion = hook.newest(name, "Approved")
    served = champion.metrics if champion else {}
    head = f"| metric | {waiting.name} | {f'{champion.name}, the champion' if champion else 'no champion yet'} |"
    rows = [f"| {each} | {value} | {served.get(each, '')} |" for each, value in waiting.metrics.items()]
    return {"version": waiting.name, "table": "\n".join([head, "|---|---|---|", *rows])}


@task
def answer(version: str, answered: dict[str, Any], params: dict[str, Any]) -> None:
    """Write the answer to the registry; both answers are final."""
    from airflow_provider_pai.hooks.registry import PAIModelRegistryHook

    hook, person = PAIModelRegistryHook(), answered.get("responded_by_user") or {}
    said = {"by": person.get("name") or "a person in Airflow", "reason": answered["params_input"].get("reason") or ""}
    if answered["chosen_options"] == [APPROVE]:
        hook.approve(params["model"], version, **said)
        return
    hook.reject(params["model"], version, **said)
    raise AirflowSkipException(f"version {version} of model {params['model']} is rejected")


if HITLOperator is not None:
    with DAG(
        "approve_in_airflow",
        schedule=None,
        params={"model": Param("breast_cancer", type="string", description="name of the model")},
        tags=["pai"],
        doc_md=__doc__,
    ):
        compared = compare()
        ask = HITLOperator(
            task_id="ask",
            subject="Shall version {{ ti.xcom_pull(task_ids='compare', key='version') }} of {{ params.model }} serve?",
            body="{{ ti.xcom_pull(task_ids='compare', key='table') }}",
            options=[APPROVE, REJECT],
            params={"reason": Param("", type="string", description="kept with the version")},
        )
        deploy = PAIDeployServiceOperator(
            task_id="deploy",
            deferrable=True,
            service_name="{{ params.model }}_by_hand",
            model="{{ params.model }}",
            smoke_test={"expect_json": {"features": 30}},
            poll_interval=3,
        )
        compared >> ask
        answer(version=compared["version"], answered=ask.output) >> deploy
