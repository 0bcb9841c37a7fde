"""The page of the Training tab in a real browser, on states that are odd; without an Airflow."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_pai.errors import TransportError
from airflow_provider_pai.model.function.report import Report
from airflow_provider_pai.model.monitor.curve import Curve
from airflow_provider_pai.model.monitor.observation import JobObservation
from airflow_provider_pai.model.monitor.relation import TaskPlace
from airflow_provider_pai.model.monitor.view import EarlierRun, job_view
from airflow_provider_pai.model.training.status import JobSnapshot, Transition
from airflow_provider_pai.plugin.page import training_page
from airflow_provider_pai.plugin.task_page import Iteration, JobAddress, TaskOnPage
from airflow_provider_pai.plugin.task_view import stale_text, task_view
from airflow_provider_pai.plugin.trouble import trouble_of
from airflow_provider_pai.plugin.watched_job import WatchedJob
from tests.support.chromium import chromium, expect

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page, Route

START = datetime(2026, 1, 1, 12, tzinfo=UTC)
MARKUP = "<img src=x onerror=document.title='owned'>"
Open = Callable[..., "Page"]
Points = list[tuple[float, float | None]]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as started:
        yield started


@pytest.fixture
def opened(browser: Browser, request: pytest.FixtureRequest) -> Iterator[Open]:
    """Open the page with what the app answers.

    That is a state (or one for each value of ``region_index``), another answer (with a ``status``), or none.
    """
    context = browser.new_context(viewport={"width": 1100, "height": 900}, timezone_id="Asia/Shanghai")
    errors: list[object] = []

    def open_page(state: dict[str, Any] | None, others: dict[str, Any] | None = None, **media: Any) -> Page:
        def answer(route: Route) -> None:
            if state is None:
                return route.abort()
            if "status" in state:
                return route.fulfill(**state)
            asked = {
                name: state for name, state in (others or {}).items() if f"region_index={name}" in route.request.url
            }
            return route.fulfill(json=next(iter(asked.values()), state))

        found, page = training_page(), context.new_page()
        page.on("pageerror", lambda error: errors.append(error))
        headers = {"content-security-policy": found.policy}
        page.route(
            "http://tab.test/", lambda route: route.fulfill(body=found.html, headers=headers, content_type="text/html")
        )
        page.route("http://tab.test/state*", answer)
        page.emulate_media(**media)
        page.goto("http://tab.test/")
        page.wait_for_selector("main[aria-busy=false]")
        if folder := os.environ.get("TRAINING_TAB_IMAGES"):
            page.screenshot(path=Path(folder) / f"{request.node.name}.png", full_page=True)
        return page

    yield open_page
    context.close()
    assert errors == []


def shown(observation: JobObservation, *earlier: EarlierRun, **task: Any) -> dict[str, Any]:
    on_page = TaskOnPage(**{"place": TaskPlace("churn", "run", "train"), "state": "running", "try_number": 1,
                            "max_tries": 2, "job": None, "earlier": (), **task})  # fmt: skip
    view = job_view(observation, earlier, "https://pai.console.aliyun.com/", {})
    state = {**view, "task": task_view(on_page)["task"], "trouble": "", "next_s": None, "stop": {"warning": "It ends."}}
    found: dict[str, Any] = json.loads(json.dumps(state, allow_nan=False))
    return found


def seen(status: str = "Running", curves: dict[str, Points] | None = None, **more: Any) -> JobObservation:
    transitions = (Transition("Creating", "2026-01-01T12:00:00Z", "2026-01-01T12:00:10Z"),
                   Transition("Running", "2026-01-01T12:00:10Z"))  # fmt: skip
    job = JobSnapshot("train1", status, name="churn", created="2026-01-01T12:00:00Z", transitions=transitions)
    found = {name: Curve(name, "step", tuple(points)) for name, points in (curves or {}).items()}
    return JobObservation(job, START + timedelta(seconds=70), curves=found, **more)


def test_values_that_are_no_number_leave_a_gap(opened: Open) -> None:
    points = [(0.0, 1.0), (1.0, 0.5), (2.0, None), (3.0, 0.4), (4.0, None)]
    page = opened(shown(seen(curves={"loss": points})))
    figure = page.locator("figure")
    assert "not a number" in (figure.locator("figcaption").text_content() or "")
    assert "The newest value of loss is NaN or infinite" in (page.locator("#lines").text_content() or "")
    drawn = figure.locator("path.run").first.get_attribute("d") or ""
    assert (drawn.count("M"), drawn.count("a2.5")) == (2, 2)
    assert "NaN" not in drawn


def test_all_values_missing_draw_an_empty_chart(opened: Open) -> None:
    page = opened(shown(seen(curves={"loss": [(0.0, None), (1.0, None)]})))
    assert "NaN" not in page.locator("figure").inner_html()


def test_one_point_is_visible(opened: Open) -> None:
    page = opened(shown(seen(curves={"loss": [(7.0, 0.5)]})))
    box = page.locator("figure path.run").first.bounding_box()
    assert box is not None
    assert min(box["width"], box["height"]) > 3


def test_thirty_metrics_and_long_names_fit_the_page(opened: Open) -> None:
    curves = {
        f"validation/a_very_long_name_of_a_metric_{number}/per_class_accuracy": [(0.0, 0.1), (9.0, 0.9)]
        for number in range(30)
    }
    page = opened(shown(seen(curves=curves)))
    assert page.locator("figure").count() == 30
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_ten_thousand_points_are_drawn_as_few_and_no_peak_is_lost(opened: Open) -> None:
    points: Points = [(float(step), math.exp(-step / 3000)) for step in range(10_000)]
    points[7777] = (7777.0, 5.0)
    page = opened(shown(seen(curves={"loss": points})))
    print("drawn_ms:", round(page.evaluate("performance.getEntriesByName('drawn')[0].startTime")))
    drawn = page.locator("figure path.run").first.get_attribute("d") or ""
    assert drawn.count("L") < 600
    assert "from 0.035686 to 5" in (page.locator("figure > svg").get_attribute("aria-label") or "")


def test_markup_in_names_and_texts_is_text(opened: Open) -> None:
    observation = seen(curves={MARKUP: [(0.0, 1.0)]}, log=(MARKUP,), report=Report(progress=0.5, text=MARKUP))
    earlier = EarlierRun(MARKUP, seen("Failed", curves={MARKUP: [(0.0, 2.0)]}))
    page = opened(shown(observation, earlier, state=MARKUP))
    assert page.locator("img").count() == 0
    assert MARKUP in (page.locator("figcaption").text_content() or "")
    assert page.title() != "owned"


def test_times_are_in_the_readers_time_zone(opened: Open) -> None:
    observation = seen(report=Report(progress=0.5, text="epoch 1/2"), progressed=START + timedelta(seconds=70))
    page = opened(shown(observation))
    # Noon in UTC is 20:00 in Shanghai.
    assert "until about 2026-01-01 20:02:10" in (page.locator("#lines").text_content() or "")
    assert "2026-01-01 20:00:10" in (page.locator("#times").text_content() or "")
    assert "Times are in Asia/Shanghai" in (page.locator("#seen").text_content() or "")


def test_what_was_seen_stays_when_the_job_can_not_be_read_any_more(opened: Open) -> None:
    observation = seen(report=Report(progress=0.5))
    error = TransportError("GetTrainingJob: no answer from pai.example: ConnectTimeout (timed out)", sent=False)
    trouble = trouble_of(error, JobAddress(TaskPlace("churn", "run", "train"), "train1", (("pai_conn_id", "pai_x"),)))
    page = opened({**shown(observation), "trouble": stale_text(trouble, WatchedJob(observation, "", {}))})
    said = page.locator("#trouble").text_content() or ""
    # The time is the reader's.
    assert "PAI can't be reached: what this page shows is of 2026-01-01 20:01:10" in said
    assert "connection 'pai_x'" in said
    assert page.locator("#percent").text_content() == "50 %"


@pytest.mark.parametrize("is_shown", [False, True], ids=["at once", "later"])
@pytest.mark.parametrize(
    ("answer", "text"),
    [
        ({"status": 500, "body": "Internal Server Error"}, "HTTP 500"),
        ({"status": 502, "body": "<html>Bad gateway</html>", "content_type": "text/html"}, "HTTP 502"),
        ({"status": 200, "body": "<html>Log in</html>", "content_type": "text/html"}, "Airflow does not answer"),
        (None, "Airflow does not answer"),
    ],
    ids=["error", "proxy", "no state", "no answer"],
)
def test_what_airflow_does_not_answer_is_said(
    opened: Open, is_shown: bool, answer: dict[str, Any] | None, text: str
) -> None:
    page = opened(shown(seen(report=Report(progress=0.5)))) if is_shown else opened(answer)
    if is_shown:
        page.route("http://tab.test/state*", lambda route: route.fulfill(**answer) if answer else route.abort())
        page.evaluate("refresh()")
    place = page.locator("#trouble" if is_shown else "main")
    expect(place).to_contain_text(text)
    expect(place).to_contain_text("asks again every 10 seconds")
    assert page.locator("#badge").text_content() == ("Running" if is_shown else "Unknown")
    assert page.locator("#percent").is_visible() == is_shown


def test_of_a_failed_job_the_log_comes_before_the_curves(opened: Open) -> None:
    page = opened(shown(seen("Failed", curves={"loss": [(0.0, 1.0)]}, log=("Traceback ...", "ValueError: no rows"))))
    order = page.evaluate("[...document.querySelectorAll('section:not([hidden])')].map((part) => part.id)")
    assert order[:2] == ["log-part", "curves-part"]


def test_an_iteration_of_a_loop_is_chosen_by_keyboard(opened: Open) -> None:
    places = [TaskPlace("churn", "run", "train", -1, "c0ffee", number) for number in range(3)]
    iterations = tuple(Iteration(number, place, "success") for number, place in enumerate(places))
    states = {
        str(number): shown(seen(report=Report(progress=number / 10)), place=place, iterations=iterations)
        for number, place in enumerate(places)
    }
    page = opened(states["2"], states, color_scheme="dark")
    assert page.locator("#which").text_content() == "Iteration 2, Try 1 of 3"
    page.locator("#iterations").focus()
    page.keyboard.press("ArrowUp")
    page.get_by_text("Iteration 1, Try 1 of 3").wait_for()
    assert page.locator("#percent").text_content() == "10 %"
