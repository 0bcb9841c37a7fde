"""Deploy a version of a registered model as soon as it is approved, wherever that happens.

Nobody calls this DAG: a trigger watches the model in PAI's model registry, and each newly approved version is an event
of the asset. Needs Airflow 3.
"""

from typing import Any

from airflow.sdk import DAG, Asset, AssetWatcher, get_current_context, task

from airflow_provider_pai.operators.deploy import PAIDeployServiceOperator
from airflow_provider_pai.triggers.events import PAIModelApprovedTrigger

MODEL = "breast_cancer"
approved = Asset(
    "oss://models/breast_cancer_approved",
    watchers=[AssetWatcher(name="approved", trigger=PAIModelApprovedTrigger(MODEL, poll_interval=3))],
)


@task(multiple_outputs=True)
def newest_approval() -> dict[str, Any]:
    """Return what the newest of the events says that this run was made for."""
    found = get_current_context()["triggering_asset_events"]
    events = [event for events in found.values() for event in events]
    return dict(max(events, key=lambda event: event.timestamp).extra["payload"])


with DAG("deploy_on_approval", schedule=[approved], tags=["pai"], doc_md=__doc__):
    PAIDeployServiceOperator(
        task_id="deploy",
        deferrable=True,
        service_name="breast_cancer_approved",
        model=MODEL,
        version=newest_approval()["version_name"],
        smoke_test={"expect_json": {"features": 30}},
        poll_interval=3,
    )
