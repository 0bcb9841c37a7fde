"""Deploy the newest approved version of a registered model as soon as one is approved, wherever that happens.

No schedule and no person starts this DAG: a trigger watches the model in PAI's model registry, and each newly approved
version is an event of the asset. The payload names the version; ``deploy`` takes the newest approved one by itself, one
run at a time, so that an older version that is approved late does not take its place. Airflow 2 has no watchers and
finds no DAG in this file.
"""

from airflow.providers.common.compat.sdk import DAG, Asset

from airflow_provider_pai.operators.deploy import PAIDeployServiceOperator
from airflow_provider_pai.triggers.events import PAIModelApprovedTrigger

try:
    from airflow.sdk import AssetWatcher
except ImportError:
    AssetWatcher = None

MODEL = "breast_cancer"
if AssetWatcher is not None:
    approved = Asset(
        "oss://models/breast_cancer_approved",
        watchers=[AssetWatcher(name="approved", trigger=PAIModelApprovedTrigger(MODEL, poll_interval=3))],
    )

    with DAG("deploy_on_approval", schedule=[approved], max_active_runs=1, tags=["pai"], doc_md=__doc__):
        PAIDeployServiceOperator(
            task_id="deploy",
            deferrable=True,
            service_name="breast_cancer_approved",
            model=MODEL,
            smoke_test={"expect_json": {"features": 30}},
            poll_interval=3,
        )
