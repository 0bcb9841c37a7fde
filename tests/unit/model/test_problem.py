"""What a sentence about an argument keeps when it is shortened."""

from airflow_provider_pai.model.problem import Problem


def test_a_long_sentence_keeps_what_is_wrong_and_what_to_do() -> None:
    text = str(Problem("inputs", f"the name of {'x' * 5000!r} is too long; shorten it"))
    assert text.startswith("inputs the name of 'xxx")
    assert text.endswith("xxx' is too long; shorten it")
    assert len(text) < 1100


def test_a_sentence_that_is_shown_whole_is_not_touched() -> None:
    assert str(Problem("command", "is missing: say what the job runs")) == "command is missing: say what the job runs"
