"""Trains a nearest-centroid classifier with nothing but Python; paths are those of every PAI job."""

import argparse
import csv
import json
import random
from statistics import fmean, pstdev


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--validation-share", type=float, required=True)
    share = parser.parse_args().validation_share

    with open("/ml/input/data/train/wisconsin_breast_cancer.csv", newline="") as file:  # noqa: PTH123 - as scripts do
        rows = [[float(value) for value in row] for row in list(csv.reader(file))[1:]]
    random.Random(7).shuffle(rows)  # noqa: S311 - a split, not a secret
    train, validation = rows[int(len(rows) * share) :], rows[: int(len(rows) * share)]
    print(f"{len(train)} rows to train on, {len(validation)} to validate with")

    scales = [pstdev(column) or 1.0 for column in list(zip(*train, strict=True))[:-1]]
    centroids = {kind: centre(row[:-1] for row in train if row[-1] == kind) for kind in (0, 1)}

    def predicted(row: list[float]) -> int:
        return min(centroids, key=lambda kind: distance(row[:-1], centroids[kind], scales))

    accuracy = fmean(predicted(row) == row[-1] for row in validation)
    print(f"accuracy={accuracy:.4f}")
    with open("/ml/output/model/model.json", "w") as file:  # noqa: PTH123
        json.dump({"centroids": centroids, "scales": scales, "accuracy": accuracy}, file)


def centre(rows):
    return [fmean(column) for column in zip(*rows, strict=True)]


def distance(row, centroid, scales):
    return sum(((value - middle) / scale) ** 2 for value, middle, scale in zip(row, centroid, scales, strict=True))


if __name__ == "__main__":
    main()
