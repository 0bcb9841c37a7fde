"""From an author's arguments, as they come out of a DAG file, to a :class:`TrainingJobSpec` that can work."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from numbers import Number
from typing import Any

from airflow_provider_pai.errors import SpecError
from airflow_provider_pai.model.image import ImageQuery
from airflow_provider_pai.model.problems import problems
from airflow_provider_pai.model.spec import MetricDefinition, TrainingJobSpec

_IMAGE_MEMBERS = ("framework_name", "framework_version", "accelerator_type")
_ASKED_FOR = ImageQuery("-")
"""Stands for a query that can't be read, so that there is no second complaint about a missing image."""
_WHOLE = re.compile(r"[+-]?[0-9]{1,18}")
_NAME = re.compile(r"\w+")


def read_spec(arguments: Mapping[str, Any]) -> tuple[TrainingJobSpec, list[str]]:
    """Turn arguments into a spec and say everything that is wrong with them.

    Args:
        arguments: the operator's arguments by name; None stands for "not given".

    Returns:
        The spec, made of what could be read, and all problems; the spec may be used only when there are none.
    """
    reader = _Reader(arguments)
    spec = TrainingJobSpec(
        command=reader.command(),
        instance_type=reader.text("instance_type") or "",
        instance_count=1 if (count := reader.whole("instance_count")) is None else count,
        image_uri=reader.text("image_uri"),
        image=reader.image(),
        source_dir=reader.text("source_dir"),
        base_job_name=reader.text("base_job_name") or "training_job",
        hyperparameters=reader.texts("hyperparameters"),
        inputs=reader.texts("inputs"),
        outputs=reader.texts("outputs"),
        output_path=reader.text("output_path"),
        checkpoints_path=reader.text("checkpoints_path"),
        max_run_time=reader.whole("max_run_time"),
        environments=reader.texts("environments"),
        requirements=reader.lines("requirements"),
        labels=reader.texts("labels"),
        metric_definitions=reader.metrics(),
        description=reader.text("description") or "",
    )
    # What could not be read is "missing" only to the spec, not to its author.
    return spec, [*reader.problems, *(text for text in problems(spec) if _argument(text) not in reader.unread)]


def checked_spec(arguments: Mapping[str, Any]) -> TrainingJobSpec:
    """Turn arguments into a spec.

    Raises:
        SpecError: listing every problem.
    """
    spec, found = read_spec(arguments)
    if found:
        raise SpecError(found)
    return spec


class _Reader:
    """Reads one argument after the other and collects what is wrong with their types."""

    def __init__(self, arguments: Mapping[str, Any]) -> None:
        self._arguments = arguments
        self.problems: list[str] = []
        self.unread: set[str] = set()

    def text(self, name: str) -> str | None:
        value = self._arguments.get(name)
        if value is None or isinstance(value, str):
            return value
        self._wrong(name, f"must be a text, not {_kind(value)}")
        return None

    def whole(self, name: str) -> int | None:
        value = self._arguments.get(name)
        if isinstance(value, str) and _WHOLE.fullmatch(value.strip()):
            # A templated argument arrives as text.
            return int(value)
        if value is None or (isinstance(value, int) and not isinstance(value, bool)):
            return value
        self._wrong(name, f"must be a whole number, not {value!r:.60}")
        return None

    def texts(self, name: str) -> dict[str, str]:
        value = self._arguments.get(name)
        if value is None:
            return {}
        if not isinstance(value, Mapping):
            self._wrong(name, f"must be a dict, not {_kind(value)}")
            return {}
        return {
            str.__str__(key): text for key, item in value.items() if (text := self._item(name, key, item)) is not None
        }

    def _item(self, name: str, key: object, value: object) -> str | None:
        if not isinstance(key, str):
            self.problems.append(f"{name}: the name {key!r} must be a text, not {_kind(key)}")
            return None
        if isinstance(value, str):
            # The text itself, also of an enum's member.
            return str.__str__(value)
        if isinstance(value, Number):
            # str() is what the PAI SDK does to every hyperparameter, so True arrives as 'True'.
            return str(value)
        advice = "; pass json.dumps(...) of it" if isinstance(value, list | tuple | dict) else ""
        self.problems.append(f"{name}[{key!r}] must be a text, a number or a boolean, not {_kind(value)}{advice}")
        return None

    def lines(self, name: str) -> tuple[str, ...]:
        value = self._arguments.get(name)
        if value is None:
            return ()
        if isinstance(value, str) or not isinstance(value, Sequence) or not all(isinstance(x, str) for x in value):
            self._wrong(name, f"must be a list of texts, not {_kind(value)}")
            return ()
        return tuple(value)

    def command(self) -> str:
        value = self._arguments.get("command")
        if isinstance(value, list | tuple):
            self._wrong("command", "must be one text for the shell, not a list; use shlex.join(...)")
            return ""
        return self.text("command") or ""

    def image(self) -> ImageQuery | None:
        value = self._arguments.get("image")
        if value is None:
            return None
        if not isinstance(value, Mapping):
            self.problems.append(f"image must be a dict such as {{'framework_name': 'PyTorch'}}, not {_kind(value)}")
            return _ASKED_FOR
        unknown = sorted(set(map(str, value)) - set(_IMAGE_MEMBERS))
        if unknown:
            self.problems.append(f"image: unknown {', '.join(unknown)}; it may have {', '.join(_IMAGE_MEMBERS)}")
        wrong = [name for name in _IMAGE_MEMBERS if not isinstance(value.get(name, ""), str)]
        self.problems.extend(f"image[{name!r}] must be a text, not {_kind(value[name])}" for name in wrong)
        if not value.get("framework_name") and "framework_name" not in wrong:
            self.problems.append("image: framework_name is missing, for example 'PyTorch'")
        if unknown or wrong or not value.get("framework_name"):
            return _ASKED_FOR
        return ImageQuery(**value)

    def metrics(self) -> tuple[MetricDefinition, ...]:
        value = self._arguments.get("metric_definitions")
        if value is None:
            return ()
        if isinstance(value, Sequence) and all(_is_metric(item) for item in value):
            return tuple(MetricDefinition(item["name"], item["regex"]) for item in value)
        self.problems.append(
            "metric_definitions must be a list of dicts with 'name' and 'regex', for example "
            "[{'name': 'accuracy', 'regex': 'accuracy=([0-9.]+)'}]"
        )
        return ()

    def _wrong(self, name: str, what: str) -> None:
        self.problems.append(f"{name} {what}")
        self.unread.add(name)


def _argument(problem: str) -> str:
    """Every problem begins with the name of its argument."""
    found = _NAME.match(problem)
    return found[0] if found else ""


def _is_metric(value: object) -> bool:
    return isinstance(value, Mapping) and all(isinstance(value.get(name), str) for name in ("name", "regex"))


def _kind(value: object) -> str:
    return f"{type(value).__name__} ({value!r:.60})"
