"""Whatever an author gives as a hyperparameter, the script gets it unchanged, by every way there is."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_pai.hooks.oss import PAIOSSHook
from airflow_provider_pai.local.server import LocalPAI
from airflow_provider_pai.model.training.spec import variable_name
from tests.support.attempt import Attempt, training

_PIECES = (
    *(" ", "  ", "\t", "\n", "\r\n", "\\", "\\n", "'", '"', "`", "$", "$HOME", "${HOME}", "$(id)", "`id`", "!", "#"),
    *("*", "?", "[a]", "~", "~/", "{a,b}", "|", "&", "&&", ";", "<", ">", "(", ")", "%", "%s", "=", "--", "-", "--lr"),
    *("é", "模型", "🚀", "\u200b", "\u2028", "\x01", "\x7f", "a", "B", "0", "0.1", "true", "null", "{}", "[]", ","),
)
_SCRIPT = """
import json, os, sys
config = json.load(open(os.environ["PAI_CONFIG_DIR"] + "hyperparameters.json", encoding="utf-8"))
seen = {
    "file": config,
    "variable": json.loads(os.environ["PAI_HPS"]),
    "variables": {name: value for name, value in os.environ.items() if name.startswith("PAI_HPS_")},
    "arguments": sys.argv[1:],
}
with open(os.environ["PAI_OUTPUT_MODEL"] + "seen.json", "w", encoding="utf-8") as file:
    json.dump(seen, file)
"""


def _values(seed: int) -> dict[str, Any]:
    """A hundred texts of awkward pieces, and values of every other type an author may give."""
    chance = random.Random(seed)
    texts = {f"text.{n}-a": "".join(chance.choices(_PIECES, k=chance.randint(0, 6))) for n in range(100)}
    numbers = {"whole": 5, "negative": -3, "huge": 10**30, "real": 0.1, "tiny": 1e-300, "infinite": float("inf")}
    return {**texts, **numbers, "yes": True, "no": False, "empty": "", "long": "x" * 10_000}


@pytest.mark.parametrize("seed", range(5))
def test_any_value_reaches_the_script_unchanged_by_file_variables_and_arguments(
    pai: LocalPAI, tmp_path: Path, seed: int
) -> None:
    (tmp_path / "train.py").write_text(_SCRIPT)
    given = _values(seed)
    value = training(
        source_dir=str(tmp_path),
        command='eval "python train.py $PAI_USER_ARGS"',
        hyperparameters=given,
    ).execute(Attempt().context)
    seen = json.loads(PAIOSSHook().read(value["model_uri"] + "seen.json"))
    expected = {name: str(item) for name, item in given.items()}
    assert seen["file"] == expected
    assert seen["variable"] == expected
    assert seen["variables"] == {f"PAI_HPS_{variable_name(name)}": text for name, text in expected.items()}
    arguments = seen["arguments"]
    assert dict(zip(arguments[::2], arguments[1::2], strict=True)) == {f"--{k}": v for k, v in expected.items()}


def test_values_of_plain_characters_need_no_eval(pai: LocalPAI, tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text(_SCRIPT)
    given = {"lr": 0.1, "layers": 3, "optimizer": "adam", "path": "/ml/input/data", "ratio": "1:2", "flag": True}
    value = training(source_dir=str(tmp_path), command="python train.py $PAI_USER_ARGS", hyperparameters=given).execute(
        Attempt().context
    )
    arguments = json.loads(PAIOSSHook().read(value["model_uri"] + "seen.json"))["arguments"]
    assert dict(zip(arguments[::2], arguments[1::2], strict=True)) == {f"--{k}": str(v) for k, v in given.items()}
