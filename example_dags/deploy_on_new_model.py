"""Deploy each new model of another DAG, when its metrics are good enough.

No other DAG triggers this one: it waits for the asset that the task ``train`` of ``train_evaluate.py`` names as its
``model_asset``. The event says where the model lies, what it was trained in, and how good it was.
"""

from typing import Any

import pendulum
from airflow.providers.common.compat.sdk import DAG, AirflowFailException, Asset, get_current_context, task
from breast_cancer.steps import HERE

from airflow_provider_pai.operators.deploy import PAIDeployServiceOperator
from airflow_provider_pai.operators.gate import PAIModelGateOperator

SERVICE = "breast_cancer_live"


@task(multiple_outputs=True)
def newest_model() -> dict[str, Any]:
    """Return what the newest of the events says that this run was made for."""
    context = get_current_context()
    # The second name is Airflow 2's.
    name = "triggering_asset_events" if "triggering_asset_events" in context else "triggering_dataset_events"
    found = context[name]
    events = [event for events in found.values() for event in events]
    if not events:
        raise AirflowFailException("this run was made for no model: run train_evaluate, and this DAG follows")
    return dict(max(events, key=lambda event: event.timestamp).extra)


with DAG(
    "deploy_on_new_model",
    schedule=[Asset("oss://models/breast_cancer")],
    start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),  # Airflow 2 asks for one wherever there is a schedule
    tags=["pai"],
    doc_md=__doc__,
):
    model = newest_model()
    gate = PAIModelGateOperator(
        task_id="gate",
        metrics=model["metrics"],
        model_uri=model["model_uri"],
        bars={"validation_accuracy": 0.9},
        champion_service=SERVICE,
        compare={"validation_accuracy": {"min_improvement": -0.02}},
        on_fail="skip",
    )
    deploy = PAIDeployServiceOperator(
        task_id="deploy",
        deferrable=True,
        service_name=SERVICE,
        model_uri=model["model_uri"],
        image_uri=model["image_uri"],
        source_dir=str(HERE / "serve"),
        command="python serve.py",
        instance_type="ecs.c6.large",
        smoke_test={"expect_json": {"features": 30}},
        poll_interval=3,
    )
    gate >> deploy
