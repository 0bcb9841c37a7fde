"""Names that authors of jobs use. Every DAG file that is read loads this module, so nothing comes along with it."""

from __future__ import annotations

MODEL_CHANNEL = "model"
CHECKPOINTS_CHANNEL = "checkpoints"
TENSORBOARD_CHANNEL = "tensorboard"
REPORT_CHANNEL = "report"
"""Channel of a job that reports back."""
DEFAULT_OUTPUT_CHANNELS = (MODEL_CHANNEL, CHECKPOINTS_CHANNEL, TENSORBOARD_CHANNEL)
LINK_KEY = "_pai_link"
"""XCom with the address of a job's page in PAI's console."""
CONNECTION_KEY = "_pai_connection"
"""XCom of a function's task that has submitted a job: the hook's arguments, which no argument of the task tells."""
