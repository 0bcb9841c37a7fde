"""Generated functions give in the job what they give here: as files that another process runs, and as tasks.

FUNCTION_TRIALS is how many: 1,000 as tasks take minutes, in containers half an hour.
"""

from __future__ import annotations

import json
import os
import random
import string
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import DAG, TaskDeferred

from airflow_provider_pai.decorators.training import PAITrainingDecoratedOperator, pai_training_task
from airflow_provider_pai.local.running.runtime_selection import RuntimeKind
from airflow_provider_pai.local.server import LocalPAI
from airflow_provider_pai.model.function.package import function_files
from airflow_provider_pai.model.function.report import parse_report_file, parse_report_lines
from tests.support.attempt import Attempt, executed
from tests.support.docker_engine import DockerImage
from tests.support.triggerer import run_trigger

FUNCTIONS = int(os.environ.get("FUNCTION_TRIALS", "100"))
TASKS = int(os.environ.get("FUNCTION_TRIALS", "4"))
BATCH = 20
AT_ONCE = 8
NAMES = [
    *("größe", "数据", "_", "_own", "__x", "naïve", "match", "case", "type", "print", "list"),
    *("args", "kwargs", "cls", "json", "module", "function", "path"),
]
LAYOUTS = ("def", "def", "if", "factory", "tabs", "decorated", "form feed")
BODIES = (
    "    'Tell \\'it\\' \\\\ and \"that\".'\n",
    "    import math as number, json as texts\n    number = texts.loads(texts.dumps(number.floor(number.pi)))\n",
    '    text = """\\\nat the left\n\ttab and \\\\ and 中\n"""\n',
    "    if (size := len('héllo')) > 4:\n        size += \\\n            1\n",
    "    match {'kind': [1, 2]}:\n        case {'kind': [first, *_rest]}:\n            first = first\n",
    "    def inner(one, *, other=2):\n        return [one, other, f'{one!r:>4}']\n    made = inner(1)\n",
    "    class Point:\n        x: int = 3\n        y = x + 1\n    made = [Point.x, Point().y]\n",
    "    made = [(lambda a: a * 2)(each) for each in range(3) if each]  # a comment: 'it' {} %\n",
    "    try:\n        [][0]\n    except IndexError as error:\n        made = str(error)\n    finally:\n        pass\n",
    "    from os.path import (\n        basename,\n        join as put,\n    )\n    made = basename(put('a', 'b'))\n",
    "    import sys; sys.stdout.write('no end of line')\n",
    "    text = 'a\x0b\x0c\x1c\x85\u2028é'  # \x0c\x1d\u2029\n",
    "    def hinted(one: int, *more: str) -> float: ...\n    made = str(hinted.__annotations__)\n",
)
DECORATORS = "@mark('\x0c\u2028',\n  more='''\n@mark()\ndef {name}(): pass\n''')\n@mark()\n# \x1c\n"
Call = tuple[Callable[..., Any], list[Any], dict[str, Any]]


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
        "int": rng.randint(-(2**63), 2**63 - 1),
        "float": rng.uniform(-1e9, 1e9),
    }[kind]


def source(rng: random.Random, name: str) -> tuple[str, list[Any], dict[str, Any]]:
    """A function with parameters of all kinds and names, somewhere in a module, and arguments for it."""
    names = rng.sample(NAMES, len(NAMES))
    positional = [names.pop() for _ in range(rng.randint(0, 3))]
    optional = {names.pop(): value(rng) for _ in range(rng.randint(0, 2))}
    named = {names.pop(): value(rng) for _ in range(rng.randint(0, 2))}
    parameters = [
        f"{each}: {rng.choice(['object', 'list[int]'])}" if rng.random() < 0.3 else each for each in positional
    ]
    if positional and rng.random() < 0.3:
        parameters.append("/")
    parameters += [f"{each}={default!r}" for each, default in optional.items()]
    rest = ["more"] if rng.random() < 0.3 and not optional else []
    parameters += ["*more"] if rest else (["*"] if named else [])
    parameters += [f"{each}={default!r}" for each, default in named.items()]
    others = ["others"] if rng.random() < 0.3 else []
    parameters += ["**others"] if others else []
    members = "".join(f"{each!r}: {each}, " for each in [*positional, *optional, *named, *rest, *others])
    middle = "".join(rng.sample(BODIES, rng.randint(0, 3)))
    found = "{each: mine[each] for each in ('made', 'size', 'first', 'text', 'number') if each in mine}"
    body = f"{middle}    mine = locals()\n    return {{{members}'found in it': {found}}}\n"
    text = laid_out(rng.choice(LAYOUTS), f"def {name}({', '.join(parameters)}):\n{body}", name)
    chosen = {each: value(rng) for each in [*optional, *named] if rng.random() < 0.5}
    chosen.update({"mehr": value(rng), "größer": value(rng)} if others else {})
    return text, [value(rng) for _ in range(len(positional) + (rng.randint(0, 2) if rest else 0))], chosen


def mark(*_: Any, **__: Any) -> Callable[[Any], Any]:
    """Return a decorator that leaves the function as it is."""
    return lambda function: function


def laid_out(layout: str, text: str, name: str) -> str:
    """A function's text as it stands in a module: at the left, in a block, in another function."""
    # Lines of a text of several lines stay where they are.
    indented = "".join(
        line if line.startswith(("at ", "\t", '"""')) else f"    {line}" for line in text.splitlines(True)
    )
    if layout == "if":
        return f"if {name!r}:\n{indented}\n\n"
    if layout == "factory":
        return f"def make_{name}():\n{indented}    return {name}\n\n\n{name} = make_{name}()\n"
    if layout == "decorated":
        return f"{DECORATORS.format(name=name)}{text}\n\n"
    if layout == "form feed":
        return f"\x0c{text}\n\x0c\n"
    if layout == "tabs":
        return text.replace("    ", "\t") + "\n\n"
    return text + "\n\n"


def generated(folder: Path, count: int, seed: int = 7) -> list[Call]:
    """Functions of a module of their own, with arguments."""
    rng = random.Random(seed)
    texts, calls = [], []
    for number in range(count):
        text, args, kwargs = source(rng, f"f{number}")
        texts.append(text)
        calls.append((args, kwargs))
    module = folder / "generated.py"
    module.write_text("".join(texts), "utf-8")
    space: dict[str, Any] = {"__name__": "generated", "__file__": str(module), "mark": mark}
    exec(compile(module.read_text("utf-8"), str(module), "exec"), space)
    return [(space[f"f{number}"], *call) for number, call in enumerate(calls)]


def as_json(value: Any) -> str:
    """A value as it is written: True is not 1, and 1 not 1.0."""
    return json.dumps(json.loads(json.dumps(value)))


def test_generated_functions_give_the_same_value_in_another_process(tmp_path: Path) -> None:
    calls = generated(tmp_path, FUNCTIONS)
    for start in range(0, FUNCTIONS, BATCH):
        running = []
        for number in range(start, min(start + BATCH, FUNCTIONS)):
            function, args, kwargs = calls[number]
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
            file = parse_report_file((folder / "report.json").read_bytes())
            assert as_json(file.result) == as_json(expected), number
            assert as_json(parse_report_lines(printed.splitlines()).result) == as_json(expected), number


def task_of(call: Call, number: int, **arguments: Any) -> PAITrainingDecoratedOperator:
    function, args, kwargs = call
    arguments = {"instance_type": "ecs.c6.large", "poll_interval": 0.5, **arguments}
    with DAG(f"generated_{number}", schedule=None):
        decorated = pai_training_task(function, **arguments)
        made = decorated(*args, **kwargs).operator  # type: ignore[operator]
    assert isinstance(made, PAITrainingDecoratedOperator)
    return made


def value_of(made: PAITrainingDecoratedOperator) -> Any:
    """The value of a task, deferred or not."""
    attempt = Attempt(task_id=made.task_id, dag_id=made.dag_id)
    try:
        return executed(made, attempt.context)
    except TaskDeferred as deferred:
        return made.execute_complete(attempt.context, run_trigger(deferred), **deferred.kwargs or {})


def assert_same_values(calls: list[Call], tasks: list[PAITrainingDecoratedOperator]) -> None:
    with ThreadPoolExecutor(AT_ONCE) as threads:
        found = list(threads.map(value_of, tasks))
    for number, ((function, args, kwargs), value) in enumerate(zip(calls, found, strict=True)):
        assert as_json(value) == as_json(function(*args, **kwargs)), number


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalPAI]:
    """A local PAI that runs as many jobs at a time as there are tasks."""
    with LocalPAI(tmp_path_factory.mktemp("pai"), slots=AT_ONCE) as server:
        yield server


@pytest.mark.parametrize("deferrable", [False, True])
def test_generated_functions_give_the_same_value_as_tasks(
    server: LocalPAI, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, deferrable: bool
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_PAI_DEFAULT", server.ready.airflow_conn_uri)
    calls = generated(tmp_path, TASKS)
    image = {"framework_name": "PyTorch"}
    tasks = [task_of(call, number, image=image, deferrable=deferrable) for number, call in enumerate(calls)]
    assert_same_values(calls, tasks)


def test_generated_functions_give_the_same_value_in_local_mode(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_HOME", str(tmp_path / "airflow"))
    calls = generated(tmp_path, TASKS, seed=9)
    assert_same_values(calls, [task_of(call, number, instance_type="local") for number, call in enumerate(calls)])


def test_generated_functions_give_the_same_value_in_containers(
    docker: DockerImage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = generated(tmp_path, TASKS, seed=8)
    with LocalPAI(tmp_path / "pai", slots=AT_ONCE, runtime=RuntimeKind.DOCKER) as server:
        monkeypatch.setenv("AIRFLOW_CONN_PAI_DEFAULT", server.ready.airflow_conn_uri)
        tasks = [task_of(call, number, image_uri=docker.name) for number, call in enumerate(calls)]
        assert_same_values(calls, tasks)
