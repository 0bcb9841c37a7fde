"""Each case of the page "What happens to my job when ..." that is no row of its table has tests."""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
PAGE = REPOSITORY / "docs" / "what-happens.md"
OVER, ENDED, DAG_TEST = (
    "airflow/test_attempts_over.py",
    "airflow/test_deploy_ended.py",
    "airflow/test_dag_test_ended.py",
)
JANITOR, ENVIRONMENT = "airflow/test_janitor.py", "unit/hooks/test_environment.py"
TESTS: Mapping[str, Mapping[str, Sequence[str]]] = {
    "`retries` is edited in the DAG file between two tries": {
        OVER: (
            "retries_edited_between_two_tries_change_nothing",
            "a_task_stops_its_job_although_its_retries_were_edited_while_it_ran",
        )
    },
    "a task is cleared right after `retries` was lowered by as many tries as were used": {
        OVER: ("a_clear_after_retries_were_lowered_by_the_tries_used_says_to_clear_once_more",)
    },
    "other arguments are edited between two tries": {
        OVER: ("a_job_that_is_taken_with_other_arguments_is_named_with_them",)
    },
    "a run is deleted and its id used again": {
        OVER: ("a_first_try_takes_no_running_job_of_a_deleted_run_of_the_same_id",)
    },
    "the task is in a loop (Airflow 3.4)": {
        OVER: ("passes_of_a_loop_have_jobs_of_their_own",),
        "loops/test_loops.py": (
            "in_a_real_airflow_a_pass_never_adopts_the_job_of_another_one",
            "the_example_trains_until_the_model_is_good",
        ),
    },
    "two Airflows share a workspace": {
        ENVIRONMENT: ("two_airflows_have_two_ids", "an_id_that_a_person_has_given_counts"),
        "unit/model/training/test_ownership.py": ("the_key_differs_when_any_part_differs",),
        "chaos/test_chaos.py": ("no_life_of_a_task_pays_twice_or_leaves_a_job_behind",),
    },
    "the answer to the create is lost, unreadable, or says that the nonce was used": {
        OVER: (
            "a_create_of_unknown_outcome_is_looked_for_and_not_repeated",
            "a_retry_waits_for_a_list_that_lags_longer_than_its_delay",
        )
    },
    "a stop is refused": {
        OVER: (
            "a_retry_adopts_the_job_that_could_not_be_stopped",
            "a_job_of_an_older_generation_that_can_not_be_stopped_is_named_and_nothing_submitted",
        )
    },
    "Airflow refuses the attempt's XComs": {OVER: ("an_attempt_stops_its_job_when_its_xcom_is_refused",)},
    "labels may not be updated": {OVER: ("refused_labels_are_said_with_what_no_longer_holds_and_the_right_to_give",)},
    "PAI can't be reached when the task begins": {
        OVER: (
            "a_task_that_begins_in_an_outage_waits_for_its_end",
            "a_task_gives_up_when_the_outage_lasts_too_long",
        )
    },
    "Ctrl-C ends `dag.test()` or `airflow tasks test`": {
        OVER: ("ctrl_c_stops_the_job", "ctrl_c_while_a_trigger_runs_in_dag_test_stops_the_job"),
        DAG_TEST: ("a_signal_ends_the_job_and_no_next_try_is_begun",),
    },
    "SIGTERM ends `dag.test()` or `airflow tasks test`, or its terminal is closed": {
        DAG_TEST: (
            "a_signal_ends_the_job_and_no_next_try_is_begun",
            "a_signal_rolls_a_deferred_deployment_back",
        )
    },
    "Ctrl-C ends a deployment in `dag.test()`": {
        ENDED: (
            "an_interrupt_at_any_call_leaves_the_old_model_answering_and_says_so",
            "ctrl_c_in_a_deferred_deployment_in_dag_test_rolls_it_back",
            "ctrl_c_leaves_a_deferred_deployment_that_is_not_to_be_rolled_back",
            "ctrl_c_in_a_deferred_deployment_that_eas_does_not_roll_back_says_what_to_do",
        )
    },
    "Airflow was given a name after it had run jobs": {
        "unit/model/training/test_ownership.py": ("a_job_under_a_former_name_of_the_environment_is_adopted",),
        ENVIRONMENT: ("an_airflow_that_is_given_a_name_remembers_its_id",),
        JANITOR: (
            "jobs_under_the_id_of_before_are_found_and_doubted_where_a_copy_has_it",
            "the_janitor_stops_a_job_under_the_id_of_before_where_no_copy_can_have_it",
        ),
    },
    "no limit is given": {
        "unit/operators/test_attempt.py": ("the_limit_that_holds_says_where_it_comes_from",),
    },
}


def cases() -> list[str]:
    """Return what the bullets of the page are about."""
    bullets = PAGE.read_text().partition("And when ...")[2].partition("Their tests")[0]
    return re.findall(r"^- \*\*(.+?)\*\*", bullets, re.MULTILINE)


def functions(path: str) -> set[str]:
    tree = ast.parse((REPOSITORY / "tests" / path).read_text())
    return {node.name.removeprefix("test_") for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}


def test_each_case_that_is_no_row_has_its_tests() -> None:
    assert cases() == [*TESTS]
    gone = {
        (case, path, name)
        for case, files in TESTS.items()
        for path, names in files.items()
        for name in {*names} - functions(path)
    }
    assert gone == set()


def test_the_readme_counts_the_cases() -> None:
    rows = re.findall(r"^\| [a-z]", PAGE.read_text(), re.MULTILINE)
    for readme in ("README.md", "README.zh-CN.md"):
        assert re.search(rf"what-happens\.md\) \| {len(rows) + len(TESTS)} ", (REPOSITORY / readme).read_text()), readme
