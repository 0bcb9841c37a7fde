"""Imports one operator over ``airflow.sdk``; run by :mod:`benchmarks.imports` in the peers' environment."""

from __future__ import annotations

import sys
import time

from airflow.sdk import DAG, BaseOperator

from benchmarks.peers import answer, asked

BASE = (DAG, BaseOperator)
"""What every DAG file imports; looked up, so that it is loaded for good."""


def main() -> None:
    """Answer how long the import took and how many modules came."""
    statement = asked()["statement"]
    before = set(sys.modules)
    begun = time.perf_counter()
    exec(statement, {})
    taken = time.perf_counter() - begun
    answer(ms=taken * 1000, modules=len(set(sys.modules) - before))


if __name__ == "__main__":
    main()
