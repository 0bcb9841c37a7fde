import pytest

from airflow_provider_pai.model.registry.registration import named, own_versions, registration_key
from airflow_provider_pai.model.registry.version import (
    ModelVersion,
    RegisteredModel,
    newest,
    next_version_name,
    parse_source_id,
    source_id,
)


def version(name: str, status: str = "Pending", created: str = "", **more: object) -> ModelVersion:
    return ModelVersion(name, "oss://b/m/", status, created=created, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ([], "0.1.0"),
        (["0.1.0"], "0.2.0"),
        (["0.9.0", "0.10.0", "0.2.0"], "0.11.0"),
        (["1.2.3_beta", "0.9.0"], "1.3.0"),
        (["nonsense"], "0.1.0"),
    ],
)
def test_the_next_name_is_the_services_own(names: list[str], expected: str) -> None:
    assert next_version_name(names) == expected


def test_the_newest_version_is_the_last_made_and_by_number_within_one_moment() -> None:
    versions = [version("0.2.0", "Approved", "2026-01-02"), version("0.9.0", "Approved", "2026-01-01")]
    assert newest(versions) is versions[0]
    same = [version("0.10.0", created="2026"), version("0.9.0", created="2026")]
    assert newest(same) is same[0]
    assert newest(versions, "Rejected") is None


def test_a_source_id_names_the_job() -> None:
    text = source_id("cn-hangzhou", "7", "train1")
    assert parse_source_id(text) == {"region": "cn-hangzhou", "workspaceId": "7", "kind": "TrainingJob", "id": "train1"}
    assert version("0.1.0", source_id=text).job_id == "train1"
    assert version("0.1.0", source_id="free text").job_id == ""


def test_a_jobs_versions_are_those_with_its_key_or_made_of_it_by_a_person() -> None:
    key = registration_key("churn", "train1", "")
    mine = version("0.2.0", created="2", labels={"airflow.key": key})
    older = version("0.1.0", created="1", labels={"airflow.key": key})
    by_hand = version("0.3.0", created="0", source_id="s")
    other = version("0.4.0", labels={"airflow.key": "other"}, source_id="s")
    assert own_versions(key, "s", [mine, older, by_hand, other]) == [older, mine, by_hand]
    assert own_versions(key, "", [by_hand, other]) == []


def test_a_key_differs_by_name_and_by_job_or_model() -> None:
    keys = {
        registration_key("a", "j", "oss://x"),
        registration_key("b", "j", "oss://x"),
        registration_key("a", "k", "oss://x"),
        registration_key("a", "", "oss://x"),
        registration_key("a", "", "oss://y"),
    }
    assert len(keys) == 5
    assert registration_key("a", "j", "oss://x") == registration_key("a", "j", "oss://y")


def test_a_model_is_found_by_its_whole_name_only() -> None:
    models = [RegisteredModel("2", "churn", "2"), RegisteredModel("1", "churn", "1"), RegisteredModel("3", "churn2")]
    assert named("churn", models) is models[1]
    assert named("chur", models) is None
