from __future__ import annotations

import subprocess

from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_provider_pai.model.training.container import (
    user_args,
)
from airflow_provider_pai.model.training.spec import variable_name

VALUES = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)


NAMES = st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,8}", fullmatch=True)


HYPERPARAMETERS = st.lists(st.tuples(NAMES, VALUES), max_size=4, unique_by=lambda pair: variable_name(pair[0])).map(
    dict
)


@settings(max_examples=60, deadline=None)
@given(HYPERPARAMETERS)
def test_eval_of_the_user_arguments_yields_exactly_the_arguments(values: dict[str, str]) -> None:
    script = 'eval "set -- $PAI_USER_ARGS"; for each in "$@"; do printf "%s\\0" "$each"; done'
    answer = subprocess.run(
        ["/bin/sh", "-c", script], env={b"PAI_USER_ARGS": user_args(values).encode()}, capture_output=True, check=True
    )
    expected = [part for name, value in values.items() for part in (f"--{name}", value)]
    assert answer.stdout.decode().split("\0")[:-1] == expected
