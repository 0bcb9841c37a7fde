"""Reads and serializes a DAG of many tasks; run by :mod:`benchmarks.imports` in the environment of the peers."""

from __future__ import annotations

import gc
import json
import time
from datetime import UTC, datetime
from typing import Any

from airflow.sdk import DAG, BaseOperator
from airflow.serialization.serialized_objects import DagSerialization

from benchmarks.peers import answer, asked

TASKS = 200


def ours(number: int) -> BaseOperator:
    """Return a training task of this package."""
    from airflow_provider_pai.operators.training import PAITrainingOperator

    return PAITrainingOperator(
        task_id=f"train_{number}",
        command="python train.py $PAI_USER_ARGS",
        source_dir="/opt/airflow/dags/churn",
        image={"framework_name": "pytorch"},
        instance_type="ecs.c6.large",
        hyperparameters={"seed": number, "lr": 0.1},
        inputs={"train": "oss://bucket/data/"},
        output_path="oss://bucket/models/{{ ds }}/",
    )


def sagemaker(number: int) -> BaseOperator:
    """Return the same task of Amazon's."""
    from airflow.providers.amazon.aws.operators.sagemaker import SageMakerTrainingOperator

    config: dict[str, Any] = {
        "TrainingJobName": f"train-{number}",
        "AlgorithmSpecification": {"TrainingImage": "registry/pytorch:2", "TrainingInputMode": "File"},
        "RoleArn": "arn:aws:iam::1:role/train",
        "HyperParameters": {"seed": str(number), "lr": "0.1"},
        "InputDataConfig": [{"ChannelName": "train", "DataSource": {"S3DataSource": {"S3Uri": "s3://bucket/data/"}}}],
        "OutputDataConfig": {"S3OutputPath": "s3://bucket/models/{{ ds }}/"},
        "ResourceConfig": {"InstanceType": "ml.c5.large", "InstanceCount": 1, "VolumeSizeInGB": 10},
        "StoppingCondition": {"MaxRuntimeInSeconds": 3600},
    }
    made: BaseOperator = SageMakerTrainingOperator(task_id=f"train_{number}", config=config)
    return made


MAKERS = {each.__name__: each for each in (ours, sagemaker)}


def main() -> None:
    """Answer how long import, construction and serializing took together, and how large the result is."""
    make = MAKERS[asked()["who"]]
    with DAG("warm") as warm:
        BaseOperator(task_id="warm")
    DagSerialization.to_dict(warm)
    # What Airflow has loaded before costs the collector's walks over it, which are no operator's.
    gc.collect()
    gc.freeze()
    begun = time.process_time()
    with DAG("many", start_date=datetime(2026, 1, 1, tzinfo=UTC), schedule=None) as dag:
        for number in range(TASKS):
            make(number)
    text = json.dumps(DagSerialization.to_dict(dag))
    answer(ms=(time.process_time() - begun) * 1000, kib=len(text) / 1024)


if __name__ == "__main__":
    main()
