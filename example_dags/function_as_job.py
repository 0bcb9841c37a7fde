"""Try several hyperparameters, each as a PAI job that is a plain function, and pick the best.

There are no files beside this one: the function's source and its arguments are what a job gets. It imports what it
needs inside, and the value it returns is the task's. ``pai_report`` lies beside it in the job and reports its progress.
"""

from typing import Any

from airflow.providers.common.compat.sdk import DAG, task


@task.pai_training(
    image={"framework_name": "PyTorch", "framework_version": "1.12", "accelerator_type": "CPU"},
    instance_type="ecs.c6.large",
    deferrable=True,
    max_run_time=1800,
    poll_interval=3,
)
def fit(learning_rate: float, steps: int = 50) -> dict[str, Any]:
    """Find the minimum of a parabola; a real function would train a model here."""
    import pai_report

    position = 10.0
    for step in range(steps):
        position -= learning_rate * 2 * (position - 3.0)
        pai_report.metric("loss", (position - 3.0) ** 2, step=step)
        if step % 10 == 9:
            pai_report.progress((step + 1) / steps, f"step {step + 1}/{steps}")
    return {"learning_rate": learning_rate, "loss": (position - 3.0) ** 2}


@task
def best(results: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the result with the smallest loss."""
    return min(results, key=lambda each: each["loss"])


with DAG("function_as_job", schedule=None, tags=["pai"], doc_md=__doc__):
    best(fit.partial(steps=50).expand(learning_rate=[0.01, 0.1, 0.3]))
