"""Names that authors of jobs use. Every DAG file that is read loads this module, so nothing comes along with it."""

from __future__ import annotations

MODEL_CHANNEL = "model"
CHECKPOINTS_CHANNEL = "checkpoints"
TENSORBOARD_CHANNEL = "tensorboard"
DEFAULT_OUTPUT_CHANNELS = (MODEL_CHANNEL, CHECKPOINTS_CHANNEL, TENSORBOARD_CHANNEL)

ARGUMENTS = (
    "command",
    "instance_type",
    "instance_count",
    "instance_spec",
    "resource_id",
    "resource_type",
    "spot_spec",
    "priority",
    "user_vpc_config",
    "experiment_config",
    "settings",
    "role_arn",
    "credential_config",
    "algorithm_name",
    "algorithm_version",
    "algorithm_provider",
    "job_type",
    "image_uri",
    "image",
    "source_dir",
    "base_job_name",
    "hyperparameters",
    "inputs",
    "outputs",
    "output_path",
    "checkpoints_path",
    "max_run_time",
    "environments",
    "requirements",
    "labels",
    "metric_definitions",
    "description",
)
"""What an author says of a job: the fields of a spec but for those that are filled in on the way."""
