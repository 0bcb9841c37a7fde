"""Pages of local PAI: what a browser is shown of jobs and services, and that nothing printed becomes markup."""

from __future__ import annotations

import html
import http.client
import shutil
import subprocess
import time
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from airflow_provider_pai.api.endpoints import console_url, service_page
from airflow_provider_pai.local.eas.store import ServiceStore
from airflow_provider_pai.local.running.sandbox import Mode
from airflow_provider_pai.local.server import LocalPAI
from airflow_provider_pai.model.training.status import TERMINAL_STATUSES
from tests.support.every_member import EveryMember
from tests.support.machine import missing
from tests.support.settled_services import SettledServices
from tests.support.waits import PATIENCE

EVIL = """</pre><script>document.title='owned'</script><img src=x onerror="document.title='owned'">'"&"""
_NAMES = "html head meta title style body p a h1 h2 small strong span table tr th td div svg polyline pre"
HARMLESS = frozenset(_NAMES.split())
BROWSERS = ("chromium", "chromium-browser", "google-chrome")


class Elements(HTMLParser):
    """Names and addresses of a page's elements."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.names: set[str] = set()
        self.addresses: list[str] = []
        self.texts: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.add(tag)
        self.addresses += [value or "" for name, value in attrs if name in ("href", "src", "action")]

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


class Browser:
    """Loads pages of one server."""

    def __init__(self, pai: LocalPAI, asked: EveryMember) -> None:
        self.pai = pai
        self.asked = asked

    def get(self, path: str, host: str = "") -> tuple[int, str, http.client.HTTPMessage]:
        netloc = urlsplit(self.pai.ready.api).netloc
        connection = http.client.HTTPConnection(netloc, timeout=PATIENCE)
        connection.request("GET", path, headers={"Host": host or netloc})
        response = connection.getresponse()
        found = response.status, response.read().decode(), response.headers
        connection.close()
        return found

    def run(self, command: str, **members: object) -> str:
        """Run a job to its end and return its page's path."""
        body = self.asked.body("CreateTrainingJob") | members
        body["AlgorithmSpec"] |= {"Command": ["sh", "-c", command], "InputChannels": []}
        del body["InputChannels"]
        job_id = self.asked.send("CreateTrainingJob", body=body)["TrainingJobId"]
        deadline = time.monotonic() + PATIENCE
        while (job := self.asked.send("GetTrainingJob", f"/api/v1/trainingjobs/{job_id}"))[
            "Status"
        ] not in TERMINAL_STATUSES:
            assert time.monotonic() < deadline, job["StatusTransitions"]
            time.sleep(0.05)
        address = str(job["TrainingJobUrl"])
        assert address == console_url("cn-hangzhou", "12345", job_id, self.pai.ready.api)
        return urlsplit(address).path


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    runtimes: list[SettledServices] = []

    def settled(store: ServiceStore) -> SettledServices:
        runtimes.append(SettledServices(store))
        return runtimes[-1]

    with LocalPAI(tmp_path_factory.mktemp("pai"), sandbox=Mode.PLAIN, slots=5, service_runtime=settled) as pai:
        asked = EveryMember(pai, runtimes[-1])
        yield Browser(pai, asked)
        asked.client.close()


@pytest.fixture(scope="module")
def evil(browser: Browser) -> str:
    """A job that writes markup wherever it can."""

    quoted = EVIL.replace("'", "'\\''")
    return browser.run(
        f"""printf '%s\\n' '{quoted}' 'loss=0.5' 'loss=0.25' "$(printf '\\033[31mred\\033[0m')"
        echo x > $PAI_OUTPUT_MODEL/'<b>model'; exit 1""",
        TrainingJobName=EVIL,
        Labels=[{"Key": EVIL[:40], "Value": "<i>"}],
        HyperParameters=[{"Name": "lr", "Value": "0.1"}, {"Name": "api_key", "Value": "canary"}],
        Environments={"X": EVIL, "DB_PASSWORD": "canary"},
    )


def test_the_page_of_a_job_shows_what_became_of_it(browser: Browser, evil: str) -> None:
    status, page, headers = browser.get(evil)
    text = "".join(Elements(page).texts)
    assert status == 200
    assert "default-src 'none'" in headers["content-security-policy"]
    for expected in (
        "Failed",
        "UserCommandFailed",
        "exit code 1",
        "Initializing",
        "loss: last 0.25",
        "<b>model",
        "red",
    ):
        assert expected in text
    assert "<polyline" in page
    assert "refresh" not in page, "a job that has ended has one page"


def test_nothing_that_a_job_prints_or_is_called_becomes_markup(browser: Browser, evil: str) -> None:
    for path in (evil, "/pages/", f"{evil}?log=all"):
        _, page, _ = browser.get(path)
        elements = Elements(page)
        assert elements.names <= HARMLESS
        assert all(address.startswith("/pages/") for address in elements.addresses)
        assert html.escape(EVIL) in page
        assert "\x1b" not in page


def test_no_secret_is_shown(browser: Browser, evil: str) -> None:
    _, page, _ = browser.get(evil)
    assert "canary" not in page


def test_a_job_that_runs_is_loaded_again_and_its_log_comes(browser: Browser) -> None:
    index = browser.get("/pages/")[1]
    assert "the one that runs" in index
    running = next(
        job["TrainingJobId"]
        for job in browser.asked.send("ListTrainingJobs")["TrainingJobs"]
        if job["TrainingJobName"] == "the one that runs"
    )
    _, page, _ = browser.get(f"/pages/jobs/{running}")
    assert 'http-equiv="refresh"' in page


def test_the_page_of_a_service_shows_versions_weights_and_events(browser: Browser) -> None:
    name = browser.asked.send("ListServices")["Services"][0]["ServiceName"]
    path = urlsplit(service_page("cn-hangzhou", "12345", name, browser.pai.ready.api)).path
    _, page, _ = browser.get(path)
    text = "".join(Elements(page).texts)
    for expected in (name, "Versions", "Weights", "group group_a", "Events", "the service is what is wanted"):
        assert expected in text
    token = browser.asked.send("DescribeService", f"/api/v2/services/cn-hangzhou/{name}")["AccessToken"]
    assert token not in page


@pytest.mark.parametrize("path", ["/pages/jobs/absent", "/pages/services/<b>"])
def test_what_is_not_there_is_said(browser: Browser, path: str) -> None:
    status, page, _ = browser.get(path.replace("<", "%3C").replace(">", "%3E"))
    assert (status, "<b>" in page) == (404, False)


def test_a_web_page_elsewhere_can_not_make_a_browser_show_it(browser: Browser, evil: str) -> None:
    for path in ("/pages/", evil):
        status, page, _ = browser.get(path, host="rebound.example:80")
        assert (status, "training" in page.lower()) == (403, False)


def test_a_browser_shows_the_page_and_runs_nothing_of_it(browser: Browser, evil: str, tmp_path: Path) -> None:
    program = next(filter(None, map(shutil.which, BROWSERS)), None)
    if program is None:
        missing("chromium", "no Chromium is installed")
    flags = ["--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path}", "--virtual-time-budget=2000"]
    shown = subprocess.run(
        [program, *flags, "--dump-dom", f"{browser.pai.ready.api}{evil}"],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=True,
    ).stdout
    assert "loss: last 0.25" in shown
    assert "<title>owned" not in shown
    assert "<script" not in shown
