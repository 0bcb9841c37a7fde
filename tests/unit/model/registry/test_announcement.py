import random
from dataclasses import replace

from airflow_provider_pai.model.registry.announcement import plan_announcements
from airflow_provider_pai.model.registry.version import APPROVED, PENDING, REJECTED, ModelVersion
from airflow_provider_pai.model.training.announcement_label import announcement_label

LABEL = announcement_label("prod", ("churn", "pai_default"))


def version(name: str, status: str = APPROVED, *, announced: bool = False) -> ModelVersion:
    return ModelVersion(name, "oss://bucket/m/", status, created=name, labels={LABEL: "true"} if announced else {})


def names(versions: tuple[ModelVersion, ...]) -> list[str]:
    return [each.name for each in versions]


def test_the_first_look_announces_the_newest_and_later_ones_each() -> None:
    old = [version("0.1.0"), version("0.2.0"), version("0.3.0", PENDING)]
    first = plan_announcements(old, LABEL, ())
    assert (names(first.fire), names(first.skip)) == (["0.2.0"], ["0.1.0"])
    later = [version("0.2.0", announced=True), version("0.4.0"), version("0.3.0")]
    assert names(plan_announcements(later, LABEL, ()).fire) == ["0.3.0", "0.4.0"]
    assert plan_announcements(later, LABEL, {"0.3.0", "0.4.0"}).fire == ()


def test_what_is_approved_after_a_first_look_is_announced_each_even_if_nothing_was_before() -> None:
    both = [version("0.1.0"), version("0.2.0")]
    assert names(plan_announcements(both, LABEL, (), has_begun=True).fire) == ["0.1.0", "0.2.0"]


def test_environments_and_watchers_have_labels_of_their_own() -> None:
    labels = {announcement_label(env, watcher) for env in ("prod", "dev") for watcher in (("a",), ("b",), ("a", "b"))}
    assert len(labels) == 6


def test_in_random_histories_no_version_is_lost_and_none_comes_twice() -> None:
    for seed in range(300):
        rng = random.Random(seed)
        versions = [version("0.1.0", announced=True)]
        fired: list[str] = []
        memory: set[str] = set()
        for number in range(2, rng.randint(3, 12)):
            versions.append(version(f"0.{number:02}.0", PENDING))
            chosen = rng.randrange(len(versions))
            if versions[chosen].approval_status == PENDING:
                versions[chosen] = replace(versions[chosen], approval_status=rng.choice((APPROVED, REJECTED)))
            if rng.random() < 0.3:
                continue  # the triggerer is away
            if rng.random() < 0.3:
                memory = set()  # it was started again
            for each in plan_announcements(versions, LABEL, memory).fire:
                fired.append(each.name)
                memory.add(each.name)
                versions[versions.index(each)] = replace(each, labels={LABEL: "true"})
        fired += names(plan_announcements(versions, LABEL, memory).fire)
        approved = [each.name for each in versions[1:] if each.approval_status == APPROVED]
        assert sorted(fired) == sorted(approved), seed
