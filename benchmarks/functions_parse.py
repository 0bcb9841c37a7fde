"""Reads a DAG file with many decorated functions; run by :mod:`benchmarks.functions`."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

from benchmarks.peers import answer, asked

_TASKS, _TURNS = 50, 9
_FILE = '''
from airflow.sdk import DAG, task

with DAG("measured", schedule=None):
    for number in range({tasks}):

        @{decorator}
        def fit(rate: float, steps: int = 50, *, name: str = "a") -> dict:
            """Train a model."""
            import math
            total = 0.0
{body}
            return {{"rate": rate, "total": total}}

        fit.override(task_id=f"fit_{{number}}")(0.1)
'''
_LINE = "            total = total + len(str({number})) * rate + math.floor(rate) if rate else total.real"
_DECORATORS = {
    "task": "task",
    "ours": 'task.pai_training(image_uri="a:1", instance_type="ecs.c6.large", deferrable=True)',
}


def main() -> None:
    """Answer what a task costs either way, in milliseconds of CPU, of each reading."""
    lines = asked()["lines"]
    taken: dict[str, list[float]] = {who: [] for who in _DECORATORS}
    with tempfile.TemporaryDirectory(prefix="benchmark-") as folder:
        for turn in range(_TURNS + 1):
            for who, decorator in _DECORATORS.items():
                milliseconds = _read(Path(folder) / f"{who}_{turn}.py", decorator, lines)
                # The first reading loads what all of them need.
                taken[who] += [milliseconds] if turn else []
    answer(**taken)


def _read(file: Path, decorator: str, lines: int) -> float:
    body = "\n".join(_LINE.format(number=number) for number in range(lines))
    file.write_text(_FILE.format(tasks=_TASKS, decorator=decorator, body=body))
    code = compile(file.read_text(), str(file), "exec")
    begun = time.process_time()
    exec(code, {"__name__": file.stem, "__file__": str(file)})
    return (time.process_time() - begun) * 1000 / _TASKS


if __name__ == "__main__":
    main()
