"""The Training tab in a real API server of Airflow, seen with a real browser, while jobs of local PAI wait, run, fail
and finish.

``TRAINING_TAB_IMAGES=docs/images`` keeps what the browser shows, for the guide.
"""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest

from airflow_provider_pai.hooks.connection import ConnectionFields, read_config
from airflow_provider_pai.hooks.training import PAITrainingHook
from airflow_provider_pai.in_job import pai_report
from airflow_provider_pai.local.server import LocalPAI
from airflow_provider_pai.plugin.shared import INTERVAL
from devtools.cluster import AirflowCluster
from devtools.runs import DagRun, TaskRef
from tests.support.chromium import chromium, expect
from tests.support.tab_client import APP, TabClient, query
from tests.support.task_runs import CONNECTION, TaskRuns

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext, Frame, Page

pytestmark = pytest.mark.cluster

REPOSITORY = Path(__file__).resolve().parents[2]
DAGS = Path(__file__).parent / "training_tab"
PASSWORD = "correct horse"
USERS = {"admin": "admin", "viewer": "viewer", "stranger": ""}
CANARY = "canary-of-a-password"
MARKUP = "<img src=x onerror=document.title='owned'>"


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalPAI]:
    """A local PAI that runs one job at a time, so that another one waits."""
    with LocalPAI(tmp_path_factory.mktemp("pai"), slots=1) as pai:
        yield pai


@pytest.fixture(scope="module")
def airflow(cloud: LocalPAI, tmp_path_factory: pytest.TempPathFactory) -> Iterator[AirflowCluster]:
    """Airflow's API server, whose users have different rights; what workers leave in the database is put there."""
    home = tmp_path_factory.mktemp("airflow")
    passwords = home / "passwords.json"
    passwords.write_text(json.dumps(dict.fromkeys(USERS, PASSWORD)))
    settings = {
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "False",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": ",".join(f"{name}:{role}" for name, role in USERS.items()),
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(passwords),
    }
    cache, login = REPOSITORY / ".demo" / "cache", ("admin", PASSWORD)
    with AirflowCluster(
        home, DAGS, settings=settings, template_dir=cache, login=login, components=["api-server"]
    ) as cluster:
        # In the database, where most connections are, and not under the default id.
        ready = cloud.ready
        cluster.api.add_connection(CONNECTION, ready.access_key_id, ready.access_key_secret, ready.extra)
        cluster.run("dags", "reserialize")
        cluster.api.wait_parsed("churn")
        yield cluster


@pytest.fixture(scope="module")
def hook(cloud: LocalPAI) -> Iterator[PAITrainingHook]:
    ready, hook = cloud.ready, PAITrainingHook()
    hook.config = read_config(ConnectionFields("tests", ready.access_key_id, ready.access_key_secret, ready.extra))
    yield hook
    hook.close()


@pytest.fixture(scope="module")
def task_runs(airflow: AirflowCluster, hook: PAITrainingHook, tmp_path_factory: pytest.TempPathFactory) -> TaskRuns:
    source = tmp_path_factory.mktemp("code") / "source"
    shutil.copytree(DAGS / "source", source)
    shutil.copy(pai_report.__file__, source)
    return TaskRuns(airflow, hook, source)


@pytest.fixture(scope="module")
def runs(task_runs: TaskRuns, cloud: LocalPAI) -> dict[str, DagRun]:
    """A run that has succeeded, a better one with 10,000 points, one that has failed, one that runs, one that waits."""
    start, wait = task_runs.start, task_runs.wait
    found = {"first": wait(start("success", steps=10_000, pause=0.3, scale=1.2), "Succeed")}
    found["finished"] = wait(start("success", steps=10_000, pause=0.3), "Succeed")
    printed = [f"password={CANARY}", f"the key is {cloud.ready.access_key_secret}", MARKUP]
    found["failed"] = wait(start("failed", steps=10_000, until=3000, pause=0.3, ends="badly", prints=printed), "Failed")
    found["running"] = wait(start("deferred", steps=10_000, until=4500, pause=3, scale=0.9, ends="never"), "Running")
    found["waiting"] = wait(start("deferred", steps=100), "Created")
    return found


@pytest.fixture(scope="module")
def tasks(runs: dict[str, DagRun]) -> dict[str, TaskRef]:
    return {name: run.task("train") for name, run in runs.items()}


@pytest.fixture(scope="module")
def admin(airflow: AirflowCluster) -> TabClient:
    return TabClient(airflow.url, ("admin", PASSWORD))


def test_who_is_not_logged_in_or_has_no_rights_sees_nothing(
    airflow: AirflowCluster, tasks: dict[str, TaskRef], admin: TabClient
) -> None:
    job_id = admin.state(tasks["running"])["job"]["id"]
    visitor, stranger = TabClient(airflow.url, visitor=True), TabClient(airflow.url, ("stranger", PASSWORD))
    for client, status in ((visitor, 401), (stranger, 403)):
        answers = [client.get("", tasks["running"]), client.get("state", tasks["running"])]
        answers.append(client.stop(tasks["running"], job_id))
        assert [answer.status_code for answer in answers] == [status] * 3
        assert not any("churn" in answer.text for answer in answers)
    assert admin.state(tasks["running"])["state"] == "running"


def test_who_may_only_read_sees_the_job_and_can_not_stop_it(airflow: AirflowCluster, tasks: dict[str, TaskRef]) -> None:
    viewer = TabClient(airflow.url, ("viewer", PASSWORD))
    seen = viewer.state(tasks["running"])
    assert (seen["state"], seen["stop"]) == ("running", None)
    assert viewer.stop(tasks["running"], seen["job"]["id"]).status_code == 403
    assert viewer.state(tasks["running"])["state"] == "running"


def test_only_the_page_itself_can_stop_a_job_and_only_the_one_it_shows(
    tasks: dict[str, TaskRef], admin: TabClient
) -> None:
    job_id = admin.state(tasks["running"])["job"]["id"]
    refused = [
        admin.stop(tasks["running"], job_id, **{"x-pai-training": ""}),
        admin.stop(tasks["running"], job_id, **{"sec-fetch-site": "cross-site"}),
        admin.stop(tasks["running"], "another-job"),
    ]
    assert [answer.status_code for answer in refused] == [403, 403, 409]
    assert admin.state(tasks["running"])["state"] == "running"


def test_what_is_not_there_is_said(tasks: dict[str, TaskRef], admin: TabClient) -> None:
    for changed in ({"dag_id": "~"}, {"run_id": "none"}, {"task_id": "none"}, {"map_index": "7"}):
        assert admin.get("state", tasks["running"], **changed).status_code == 404


def test_no_answer_holds_a_secret(tasks: dict[str, TaskRef], admin: TabClient, cloud: LocalPAI) -> None:
    texts = [answer.text for task in tasks.values() for path in ("", "state") if (answer := admin.get(path, task))]
    assert "the key is" in "".join(texts)
    for secret in (CANARY, cloud.ready.access_key_secret, cloud.ready.admin_token, admin.token):
        assert [text for text in texts if secret in text] == []


def test_fifty_viewers_ask_pai_no_more_than_one(tasks: dict[str, TaskRef], admin: TabClient, cloud: LocalPAI) -> None:
    admin.state(tasks["running"])
    before, begun = looks(cloud), time.monotonic()
    with ThreadPoolExecutor(50) as viewers:
        states = list(viewers.map(lambda _: admin.state(tasks["running"])["state"], range(50)))
    assert states == ["running"] * 50
    # The page shows the runs before, too, and looks at a job until its log can't grow any more.
    jobs = 1 + len(admin.state(tasks["running"])["earlier"])
    assert looks(cloud) - before <= jobs * (1 + (time.monotonic() - begun) / INTERVAL)


def looks(cloud: LocalPAI) -> int:
    return cloud.faults.counts().get("GetTrainingJob", 0)


@pytest.fixture(scope="module")
def browser(airflow: AirflowCluster, admin: TabClient) -> Iterator[BrowserContext]:
    with chromium() as browser:
        context = browser.new_context(viewport={"width": 1240, "height": 1100})
        context.set_default_timeout(60_000)
        context.add_cookies([{"name": "_token", "value": admin.token, "url": airflow.url}])
        yield context
        context.close()


@pytest.fixture
def page(browser: BrowserContext) -> Iterator[Page]:
    page = browser.new_page()
    errors: list[object] = []
    page.on("pageerror", lambda error: errors.append(error))
    yield page
    page.close()
    assert errors == []


def tab(page: Page, airflow: AirflowCluster, run: DagRun) -> Frame:
    """Open a task instance's page of Airflow, and there the tab."""
    page.goto(f"{airflow.url}/dags/{run.dag_id}/runs/{quote(run.run_id, safe='')}/tasks/train")
    page.get_by_role("link", name="Training", exact=True).click()
    frame = page.locator("iframe[title=Training]").element_handle().content_frame()
    assert frame is not None
    expect(frame.locator("main")).to_have_attribute("aria-busy", "false")
    if folder := os.environ.get("TRAINING_TAB_IMAGES"):
        shown = next(
            name for name in ("waiting", "running", "failed", "succeeded") if frame.locator(f"#badge.{name}").count()
        )
        page.locator("iframe[title=Training]").screenshot(path=Path(folder) / f"training-tab-{shown}.png")
    return frame


def test_why_does_it_wait(page: Page, airflow: AirflowCluster, runs: dict[str, DagRun]) -> None:
    frame = tab(page, airflow, runs["waiting"])
    expect(frame.locator("#badge")).to_have_text("Waiting")
    expect(frame.locator("#lines")).to_contain_text("waits for its turn")
    expect(frame.locator("#lines")).to_contain_text("1 job runs there now")


def test_how_far_is_it(page: Page, airflow: AirflowCluster, runs: dict[str, DagRun]) -> None:
    frame = tab(page, airflow, runs["running"])
    expect(frame.locator("#badge")).to_have_text("Running")
    expect(frame.locator("#lines")).to_contain_text("40% done (epoch 5/10)")
    expect(frame.locator("#percent")).to_have_text("40 %")
    expect(frame.locator("#log")).to_contain_text("epoch 5/10")


def test_what_went_wrong_and_what_do_i_do(page: Page, airflow: AirflowCluster, runs: dict[str, DagRun]) -> None:
    frame = tab(page, airflow, runs["failed"])
    expect(frame.locator("#badge")).to_have_text("Failed")
    expect(frame.locator("#lines")).to_contain_text("Python has no module a_module_that_is_not_there")
    expect(frame.locator("#advice")).to_contain_text("Add it to requirements")
    expect(frame.locator("#log")).to_contain_text(MARKUP)
    assert frame.locator("img").count() == 0
    assert "owned" not in (page.title(), frame.title())


def test_is_it_better_than_the_last(page: Page, airflow: AirflowCluster, runs: dict[str, DagRun]) -> None:
    frame = tab(page, airflow, runs["finished"])
    expect(frame.locator("#badge")).to_have_text("Succeeded")
    expect(frame.locator("#lines")).to_contain_text(
        "Compared with the last run that succeeded: loss, validation_accuracy better"
    )
    loss = frame.locator("figure", has_text="loss")
    expect(loss.locator("figcaption")).to_contain_text("better than")
    assert loss.locator("path.run").count() == 4  # two in the chart, two in its legend
    for name in ("first-contentful-paint", "drawn"):
        at = frame.evaluate(f"performance.getEntriesByName('{name}')[0].startTime")
        print(f"{name.replace('-', '_')}_ms: {at:.0f}")


def test_nothing_is_loaded_from_elsewhere_and_dark_is_dark(
    browser: BrowserContext, page: Page, airflow: AirflowCluster, runs: dict[str, DagRun]
) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    address = f"{airflow.url}{APP}/?" + "&".join(
        f"{name}={quote(value, safe='')}" for name, value in query(runs["failed"].task("train")).items()
    )
    colours = []
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        page.goto(address)
        expect(page.locator("#badge")).to_have_text("Failed")
        colours.append(page.evaluate("getComputedStyle(document.body).backgroundColor"))
    assert colours == ["rgb(255, 255, 255)", "rgb(21, 24, 28)"]
    assert [url for url in asked if not url.startswith(airflow.url)] == []


def test_a_job_is_stopped_by_keyboard_after_a_question(
    page: Page, airflow: AirflowCluster, runs: dict[str, DagRun], task_runs: TaskRuns
) -> None:
    """The last test: afterwards the job that waited runs."""
    frame = tab(page, airflow, runs["running"])
    frame.locator("#stop").focus()
    page.keyboard.press("Enter")
    expect(frame.locator("#confirm")).to_be_visible()
    expect(frame.locator("#confirm-warning")).to_contain_text("2 retries left")
    expect(frame.locator("#keep")).to_be_focused()
    page.keyboard.press("Escape")
    expect(frame.locator("#confirm")).to_be_hidden()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    expect(frame.locator("#confirm-stop")).to_be_focused()
    page.keyboard.press("Enter")
    expect(frame.locator("#badge")).to_have_text("Stopped")
    expect(frame.locator("#lines")).to_contain_text("admin stopped the job on the task's Training tab")
    task_runs.wait(runs["waiting"], "Succeed")
