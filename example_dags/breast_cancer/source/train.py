"""Trains a gradient-boosted classifier; reads and writes where PAI says.

``pai_report`` lies beside the script in the job (``reports=True``). To run the script by hand, copy it from
``airflow_provider_pai/in_job/pai_report.py``: outside a job it does nothing.
"""

import argparse
import csv
import os
from pathlib import Path

import joblib
import pai_report
from sklearn.ensemble import GradientBoostingClassifier


def read(path: Path) -> tuple[list[list[float]], list[int]]:
    with path.open(newline="") as file:
        rows = [[float(value) for value in row] for row in list(csv.reader(file))[1:]]
    return [row[:-1] for row in rows], [int(row[-1]) for row in rows]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--learning-rate", type=float, required=True)
    parser.add_argument("--max-depth", type=int, required=True)
    parser.add_argument("--n-estimators", type=int, required=True)
    parser.add_argument("--random-state", type=int, required=True)
    options = parser.parse_args()

    train = read(Path(os.environ["PAI_INPUT_TRAIN"]))
    validation = read(Path(os.environ["PAI_INPUT_VALIDATION"]) / "validation.csv")
    print(f"{len(train[1])} rows to train on, {len(validation[1])} to validate with")

    model = GradientBoostingClassifier(**vars(options))
    model.fit(*train)
    accuracy = 0.0
    for stage, predicted in enumerate(model.staged_predict(validation[0]), start=1):
        if stage % 20 == 0:
            right = sum(int(a == b) for a, b in zip(predicted, validation[1], strict=True))
            accuracy = right / len(validation[1])
            print(f"stage={stage} validation_accuracy={accuracy:.4f}")
            pai_report.progress(stage / options.n_estimators, f"stage {stage}/{options.n_estimators}")

    target = Path(os.environ["PAI_OUTPUT_MODEL"]) / "model.joblib"
    joblib.dump(model, target)
    print(f"model written to {target}")
    pai_report.result({"trained_on": len(train[1]), "stages": options.n_estimators, "validation_accuracy": accuracy})


if __name__ == "__main__":
    main()
