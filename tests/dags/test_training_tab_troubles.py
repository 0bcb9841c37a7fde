"""The Training tab when its job can't be read: it says what is the matter and what to do, in a real browser.

``TRAINING_TAB_IMAGES=FOLDER`` keeps what the browser shows.
"""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlencode

import pytest

from airflow_provider_pai.api.endpoints import console_url
from airflow_provider_pai.local.http.faults import Fault, FaultKind
from airflow_provider_pai.local.server import LocalPAI
from airflow_provider_pai.plugin.trouble import UNTOUCHED
from devtools.cluster import AirflowCluster
from devtools.processes import free_ports
from devtools.runs import DagRun
from tests.support.chromium import chromium, expect
from tests.support.tab_client import APP, TabClient, query
from tests.support.task_runs import store_task

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page

pytestmark = pytest.mark.cluster

REPOSITORY = Path(__file__).resolve().parents[2]
DAGS = Path(__file__).parent / "training_tab"
PASSWORD = "correct horse"
USERS = {"admin": "admin", "stranger": ""}
CANARY = "canary0of0a0secret0key"
JOB = "train1nowhere"
GOOD = "pai_good"
MANY = 10_000


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalPAI]:
    with LocalPAI(tmp_path_factory.mktemp("pai")) as pai:
        yield pai


@pytest.fixture(scope="module")
def silent() -> Iterator[int]:
    """A port where connections are made and nothing is answered."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(50)
        yield int(listener.getsockname()[1])


@pytest.fixture(scope="module")
def airflow(cloud: LocalPAI, silent: int, tmp_path_factory: pytest.TempPathFactory) -> Iterator[AirflowCluster]:
    """Airflow's API server, with a connection for each kind of trouble."""
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
        ready, extra = cloud.ready, dict(cloud.ready.extra)
        keys = (ready.access_key_id, ready.access_key_secret)
        # Nothing listens there: the port is free when it is asked for, and this module takes no other.
        down = f"http://127.0.0.1:{free_ports(1)[0]}"
        cluster.api.add_connection(GOOD, *keys, extra)
        cluster.api.add_connection("pai_down", keys[0], CANARY, {**extra, "endpoint": down})
        cluster.api.add_connection("pai_silent", keys[0], CANARY, {**extra, "endpoint": f"http://127.0.0.1:{silent}"})
        cluster.api.add_connection("pai_wrong_key", keys[0], CANARY, extra)
        incomplete = {name: value for name, value in extra.items() if name != "region_id"}
        cluster.api.add_connection("pai_incomplete", keys[0], CANARY, incomplete)
        cluster.run("dags", "reserialize")
        cluster.api.wait_parsed("churn")
        yield cluster


@pytest.fixture(scope="module")
def admin(airflow: AirflowCluster) -> TabClient:
    return TabClient(airflow.url, ("admin", PASSWORD))


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as started:
        yield started


@pytest.fixture
def page(browser: Browser, airflow: AirflowCluster, admin: TabClient) -> Iterator[Page]:
    """A page of a user who is logged in."""
    with_login = browser.new_context(viewport={"width": 1000, "height": 520})
    with_login.add_cookies([{"name": "_token", "value": admin.token, "url": airflow.url}])
    yield from watched(with_login)


def watched(context: BrowserContext) -> Iterator[Page]:
    page, errors = context.new_page(), list[object]()
    page.on("pageerror", lambda error: errors.append(error))
    yield page
    context.close()
    assert errors == []


def run_with(airflow: AirflowCluster, conn_id: str, job_id: str = JOB) -> DagRun:
    """Start a run with a job that is found over a connection."""
    run = airflow.api.trigger("churn")
    link = console_url("cn-hangzhou", "12345", job_id, "http://127.0.0.1:9/")
    store_task(airflow, run, "deferred", link, {"pai_conn_id": conn_id, "instance_type": "ecs.c6.large"})
    return run


def opened(page: Page, airflow: AirflowCluster, run: DagRun) -> Page:
    page.goto(f"{airflow.url}{APP}/?{urlencode(query(run.task('train')))}")
    return page


def says(page: Page, headline: str, *texts: str, name: str) -> None:
    """Wait until the page says this, and look at what it says besides."""
    expect(page.locator("#headline")).to_have_text(headline)
    for text in texts:
        expect(page.locator("main")).to_contain_text(text)
    if folder := os.environ.get("TRAINING_TAB_IMAGES"):
        page.screenshot(path=Path(folder) / f"trouble-{name}.png")
    assert page.locator("main").get_attribute("aria-busy") == "false"
    assert page.locator("#badge").text_content() == "Unknown"
    everything = page.content()
    for never in (CANARY, "Traceback", "Exception", "None"):
        assert never not in page.locator("main").inner_text()
    assert CANARY not in everything
    assert page.locator("#stop").is_hidden()


@pytest.mark.parametrize(
    ("conn_id", "headline", "texts"),
    [
        (GOOD, "The job is gone", [f"PAI has no job {JOB} where connection 'pai_good' leads", "Look at the tab Logs"]),
        ("pai_missing", "The connection can't be used", ["there is no connection 'pai_missing'", "Admin, Connections"]),
        ("pai_incomplete", "The connection can't be used", ["region_id", "Mend connection 'pai_incomplete'"]),
        ("pai_wrong_key", "PAI refuses the connection", ["Press Test at connection 'pai_wrong_key'"]),
        ("pai_down", "PAI can't be reached", ["GetTrainingJob: no answer from 127.0.0.1", "check that it reaches"]),
        ("pai_silent", "PAI can't be reached", ["GetTrainingJob: no answer from 127.0.0.1", UNTOUCHED]),
    ],
)
def test_a_job_that_can_not_be_read_says_why_and_what_to_do(
    page: Page, airflow: AirflowCluster, conn_id: str, headline: str, texts: list[str]
) -> None:
    says(opened(page, airflow, run_with(airflow, conn_id)), headline, *texts, name=conn_id)
    assert page.locator("#advice").is_visible()


@pytest.mark.parametrize(
    ("fault", "headline", "text"),
    [
        (Fault("GetTrainingJob", FaultKind.ERROR, MANY, 403, "Forbidden.RAM"), "PAI refuses the connection", "Test"),
        (Fault("GetTrainingJob", FaultKind.THROTTLE, MANY), "PAI is asked too often", "Wait"),
        (Fault("GetTrainingJob", FaultKind.HTML, MANY), "PAI does not answer as it should", "proxy"),
    ],
    ids=lambda value: value.kind if isinstance(value, Fault) else "",
)
def test_what_pai_refuses_is_said(
    page: Page, airflow: AirflowCluster, cloud: LocalPAI, fault: Fault, headline: str, text: str
) -> None:
    cloud.faults.add(fault)
    try:
        # A job of its own, which no page has looked at before.
        run = run_with(airflow, GOOD, f"train1{fault.kind}".replace("_", ""))
        says(opened(page, airflow, run), headline, text, name=fault.kind)
        assert page.locator("#advice").is_visible()
    finally:
        cloud.faults.clear()


def test_a_visitor_without_rights_learns_whom_to_ask(browser: Browser, airflow: AirflowCluster) -> None:
    stranger = TabClient(airflow.url, ("stranger", PASSWORD))
    run = run_with(airflow, GOOD)
    for token, headline, text in (
        (stranger.token, "You may not see this job", "ask an administrator of your Airflow"),
        ("", "You are logged out", "Load Airflow's page again"),
    ):
        context = browser.new_context(viewport={"width": 1000, "height": 400})
        if token:
            context.add_cookies([{"name": "_token", "value": token, "url": airflow.url}])
        for page in watched(context):
            says(opened(page, airflow, run), headline, text, name=headline.replace(" ", "-"))
            assert "churn" not in page.content()


def test_a_task_instance_that_is_gone_is_said_to_be_gone(page: Page, airflow: AirflowCluster) -> None:
    page.goto(f"{airflow.url}{APP}/?{urlencode({'dag_id': 'churn', 'run_id': 'none', 'task_id': 'train'})}")
    says(page, "No such task instance", "It was removed from Airflow", name="no-task")
