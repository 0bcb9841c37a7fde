"""Generated functions give in the job what they give here: the same files, run by another process."""

from __future__ import annotations

import json
import os
import random
import string
import subprocess
import sys
from pathlib import Path
from typing import Any

from airflow_provider_pai.model.function.package import function_files
from airflow_provider_pai.model.function.report import parse_report_file, parse_report_lines

FUNCTIONS = int(os.environ.get("FUNCTION_TRIALS", "100"))
BATCH = 20


def value(rng: random.Random, depth: int = 0) -> Any:
    """A JSON value of any kind, with odd names and texts."""
    kinds = ["none", "flag", "int", "float", "text"] + (["list", "dict"] if depth < 3 else [])
    kind = rng.choice(kinds)
    if kind == "text":
        return "".join(rng.choice(string.printable + "éß中🚀'\"\\$`{}%") for _ in range(rng.randint(0, 12)))
    if kind == "list":
        return [value(rng, depth + 1) for _ in range(rng.randint(0, 3))]
    if kind == "dict":
        return {str(value(rng, 3)): value(rng, depth + 1) for _ in range(rng.randint(0, 3))}
    return {
        "none": None,
        "flag": rng.random() < 0.5,
        "int": rng.randint(-(2**70), 2**70),
        "float": rng.uniform(-1e9, 1e9),
    }[kind]


def source(rng: random.Random, name: str) -> tuple[str, list[Any], dict[str, Any]]:
    """A function with positional, optional and keyword-only parameters, and arguments for it."""
    positional = [f"p{number}" for number in range(rng.randint(0, 3))]
    optional = {f"o{number}": value(rng) for number in range(rng.randint(0, 2))}
    named = {f"k{number}": value(rng) for number in range(rng.randint(0, 2))}
    parameters = [f"{each}: object" if rng.random() < 0.3 else each for each in positional]
    parameters += [f"{each}={default!r}" for each, default in optional.items()]
    parameters += ["*rest"] if rng.random() < 0.3 and not optional else (["*"] if named else [])
    parameters += [f"{each}={default!r}" for each, default in named.items()]
    every = [*positional, *optional, *named]
    members = "".join(f"{each!r}: {each}, " for each in every)
    body = f"    import math\n    return {{{members}'pi': math.floor(math.pi)}}\n\n\n"
    text = f"def {name}({', '.join(parameters)}):\n{body}"
    chosen = {each: value(rng) for each in [*optional, *named] if rng.random() < 0.5}
    return text, [value(rng) for _ in positional], chosen


def test_generated_functions_give_the_same_value_in_another_process(tmp_path: Path) -> None:
    rng = random.Random(7)
    texts, calls = [], []
    for number in range(FUNCTIONS):
        text, args, kwargs = source(rng, f"f{number}")
        texts.append(text)
        calls.append((args, kwargs))
    module = tmp_path / "generated.py"
    module.write_text("".join(texts), "utf-8")
    space: dict[str, Any] = {"__name__": "generated", "__file__": str(module)}
    exec(compile(module.read_text("utf-8"), str(module), "exec"), space)
    for start in range(0, FUNCTIONS, BATCH):
        running = []
        for number in range(start, min(start + BATCH, FUNCTIONS)):
            function, (args, kwargs) = space[f"f{number}"], calls[number]
            folder = tmp_path / str(number)
            folder.mkdir()
            for name, text in function_files(function, [], args, kwargs).items():
                (folder / name).write_text(text, "utf-8")
            environment = {**os.environ, "PAI_TRAINING_JOB_ID": "train1", "PAI_OUTPUT_REPORT": str(folder)}
            command = [sys.executable, "-S", "pai_function.py"]
            process = subprocess.Popen(command, cwd=folder, env=environment, stdout=subprocess.PIPE, text=True)
            running.append((number, function(*args, **kwargs), folder, process))
        for number, expected, folder, process in running:
            printed, _ = process.communicate()
            assert process.returncode == 0, number
            wanted = json.loads(json.dumps(expected))
            assert parse_report_file((folder / "report.json").read_bytes()).result == wanted, number
            assert parse_report_lines(printed.splitlines()).result == wanted, number
