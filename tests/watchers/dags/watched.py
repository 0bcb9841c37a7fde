"""Assets that watchers of PAI announce to; a DAG must be scheduled on an asset for its watchers to run."""

from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG, Asset, AssetWatcher

from airflow_provider_pai.triggers.events import PAIModelApprovedTrigger
from airflow_provider_pai.triggers.job_events import PAITrainingJobEndedTrigger

approved = Asset(
    "pai://models/watched",
    watchers=[AssetWatcher(name="approved", trigger=PAIModelApprovedTrigger("watched", poll_interval=1))],
)
ended = Asset(
    "pai://jobs/watched",
    watchers=[AssetWatcher(name="ended", trigger=PAITrainingJobEndedTrigger({"project": "watched"}, poll_interval=1))],
)

with DAG("watched", schedule=(approved | ended)):
    EmptyOperator(task_id="follow")
