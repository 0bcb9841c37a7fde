"""How a deployment is rolled out, as authors, templates and variables write it."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_pai.model.serving.strategy import read_rollout_options

LEAST: dict[str, Any] = {
    "strategy": "canary",
    "steps": None,
    "step_pause": 0.0,
    "keep_old": True,
    "smoke_test": None,
    "on_failure": "rollback",
    "startup_timeout": 1800.0,
}


@pytest.mark.parametrize("steps", [[10, 100], (10, 100), ["10", "100"], "[10, 100]", [10.0, "100.0"]])
def test_steps_are_read_as_they_are_meant(steps: Any) -> None:
    options, problems = read_rollout_options({**LEAST, "steps": steps})
    assert (problems, options.steps) == ([], (10, 100))


def test_numbers_and_dicts_may_be_texts() -> None:
    texts = {"step_pause": "2.5", "startup_timeout": "60", "smoke_test": '{"path": "/h", "expect_status": "204"}'}
    options, problems = read_rollout_options({**LEAST, **texts})
    assert problems == []
    assert options.smoke_test is not None
    assert (options.step_pause, options.smoke_test.path, options.smoke_test.expect_status) == (2.5, "/h", 204)


WRONG = [
    *(("steps", value) for value in ("x", "None", "{}", [], [0], [101], [50, 10], [True], {"a": 1}, 5, object())),
    *(("strategy", value) for value in (None, "None", "Canary", [], {}, 5)),
    *(("on_failure", value) for value in (None, "None", [], {}, True)),
    *(("step_pause", value) for value in (None, "x", "nan", -1, True, [1], float("inf"))),
    *(("startup_timeout", value) for value in (None, "x", "nan", 0, True, [1], float("nan"))),
    *(
        ("smoke_test", value)
        for value in ("x", "None", "{}x", 5, [1], {"timeout": "x"}, {"expect_status": "x"}, {1: 2})
    ),
]


@pytest.mark.parametrize(("name", "value"), WRONG, ids=[f"{name}-{n}" for n, (name, _) in enumerate(WRONG)])
def test_what_can_not_be_is_refused_by_its_name_without_another_error(name: str, value: Any) -> None:
    _, problems = read_rollout_options({**LEAST, name: value})
    assert {problem.argument for problem in problems} == {name}
