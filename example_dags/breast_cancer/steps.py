"""Steps that several of the example DAGs share: data before a training job, scores after it."""

import csv
import random
import tempfile
from pathlib import Path

from airflow.providers.common.compat.sdk import task

HERE = Path(__file__).parent
_TEST_ROWS = 100


@task
def prepare_data(day: str = "") -> dict[str, str]:
    """Split the table and put the parts into OSS; returns their addresses.

    The rows of ``test`` are always the same, so that models of different days can be compared. The table has no dates:
    the day decides which of the other rows a model learns from, as it would decide which have come in.
    """
    from airflow_provider_pai.hooks.oss import PAIOSSHook

    with (HERE / "data" / "wisconsin_breast_cancer.csv").open(newline="") as file:
        header, *rows = csv.reader(file)
    random.Random(7).shuffle(rows)  # noqa: S311 - a split, not a secret
    test, known = rows[-_TEST_ROWS:], rows[:-_TEST_ROWS]
    if day:
        random.Random(day).shuffle(known)  # noqa: S311
    parts = {"train": known[:369], "validation": known[369:], "test": test}

    oss = PAIOSSHook()
    home = oss.default_folder("examples", "breast_cancer", day or "all")
    with tempfile.TemporaryDirectory() as folder:
        for name, part in parts.items():
            path = Path(folder) / f"{name}.csv"
            with path.open("w", newline="") as file:
                csv.writer(file).writerows([header, *part])
            oss.upload(path, f"{home}{name}/")
    return {"train": f"{home}train/train.csv", "validation": f"{home}validation/", "test": f"{home}test/test.csv"}


@task
def evaluate(model_uri: str, test_uri: str) -> float:
    """Score the trained model on rows it has never seen; returns the accuracy. Needs scikit-learn on the worker."""
    import joblib

    from airflow_provider_pai.hooks.oss import PAIOSSHook

    with tempfile.TemporaryDirectory() as folder:
        oss = PAIOSSHook()
        oss.download(model_uri, folder)
        (test,) = oss.download(test_uri, folder)
        model = joblib.load(Path(folder) / "model.joblib")
        with test.open(newline="") as file:
            rows = [[float(value) for value in row] for row in list(csv.reader(file))[1:]]
    return float(model.score([row[:-1] for row in rows], [int(row[-1]) for row in rows]))
