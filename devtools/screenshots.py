"""``make screenshots``: the guide's pictures, taken from a real Airflow and a real local PAI into ``docs/images``.

To add one, add a :class:`Shot` to ``SHOTS``. Chromium must be installed; ``playwright`` steers it.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from devtools.examples import DEMO, REPOSITORY, start_airflow, start_local_pai
from devtools.waits import wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from playwright.sync_api import BrowserContext

    from devtools.rest import AirflowAPI

IMAGES = REPOSITORY / "docs" / "images"
LARGEST = 100_000
"""Bytes that a picture may have."""
MISSED = DEMO / "screenshots"
"""What a page looked like on which something was not found."""
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
DAG_ID = "retrain_daily"
_PATIENCE_MS = 30_000
_OPTIONS = ["--no-sandbox", "--disable-gpu", "--disable-sync", "--no-first-run", "--disable-background-networking"]


@dataclass(frozen=True)
class Shot:
    """One picture.

    Attributes:
        name: of its file below ``docs/images``, without the ending.
        url: of the page; ``{airflow}``, ``{pai}``, ``{run}``, ``{job}`` and ``{service}`` are filled in.
        shows: a text that is on the page when it is ready.
        steps: what to do then, in order: ``click:TEXT``, ``button:NAME``, ``choose:TEXT`` (of a list that is typed
            into), ``scroll:TEXT``.
        after: a text that is there when the steps are done.
        size: width and height in CSS pixels.
    """

    name: str
    url: str
    shows: str
    steps: tuple[str, ...] = ()
    after: str = ""
    size: tuple[int, int] = (1100, 620)


SHOTS = (
    Shot("run", "{airflow}/dags/retrain_daily/runs/{run}", "Task Instances"),
    Shot(
        "connection",
        "{airflow}/connections",
        "Add Connection",
        ("button:Add Connection", "choose:pai", "click:Extra Fields"),
        "Workspace",
        (1100, 860),
    ),
    Shot("local-pai", "{pai}/pages/", "Services", size=(1000, 420)),
    Shot("local-job", "{pai}/pages/jobs/{job}", "Log", size=(1000, 760)),
    Shot("local-service", "{pai}/pages/services/{service}", "Versions", size=(1000, 640)),
)


def main() -> int:
    """Take all pictures, or those that are named; 0 when each is small enough."""
    IMAGES.mkdir(exist_ok=True)
    wanted = [shot for shot in SHOTS if not sys.argv[1:] or shot.name in sys.argv[1:]]
    with ExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="screenshots-")))
        places = _start(stack, home)
        context = stack.enter_context(_browser(home / "browser"))
        problems = [_take(context, shot, shot.url.format(**places)) for shot in wanted]
    sys.stdout.write(f"{problems.count('')} of {len(wanted)} pictures are in {IMAGES.relative_to(REPOSITORY)}\n")
    return int(any(problems))


def _start(stack: ExitStack, home: Path) -> Mapping[str, str]:
    """Start both, run the example, and return what fills the URLs in."""
    server = start_local_pai(stack, home)
    cluster = start_airflow(stack, home, server)
    places = _run_example(cluster.api)
    return {**places, "airflow": cluster.url, "pai": server.ready["api"]}


def _run_example(api: AirflowAPI) -> dict[str, str]:
    api.wait_parsed(DAG_ID)
    api.unpause(DAG_ID)
    (run,) = wait_for(lambda: api.dag_runs(DAG_ID), bool, f"the schedule of {DAG_ID}", timeout=60)
    run = api.wait_run(run, timeout=400)
    if run.state != "success":
        raise RuntimeError(f"the run of {DAG_ID} has ended as {run.state}")
    trained, service = api.xcom(run.task("train")), api.xcom(run.task("deploy"))
    return {"run": run.run_id, "job": trained["job_id"], "service": service["service_name"]}


@contextmanager
def _browser(folder: Path) -> Iterator[BrowserContext]:
    from playwright.sync_api import sync_playwright

    program = next(filter(None, map(shutil.which, BROWSERS)), None)
    if program is None:
        raise FileNotFoundError(f"none of these is installed: {', '.join(BROWSERS)}")
    with sync_playwright() as playwright:
        context = playwright.chromium.launch_persistent_context(
            folder, executable_path=program, headless=True, args=_OPTIONS, color_scheme="light", locale="en-GB"
        )
        context.set_default_timeout(_PATIENCE_MS)
        yield context
        context.close()


def _take(context: BrowserContext, shot: Shot, url: str) -> str:
    """Take one picture and return what is wrong with it, or nothing."""
    from playwright.sync_api import Error

    page = context.new_page()
    page.set_viewport_size({"width": shot.size[0], "height": shot.size[1]})
    target = IMAGES / f"{shot.name}.png"
    try:
        page.goto(url)
        page.get_by_text(shot.shows).first.wait_for()
        for step in shot.steps:
            _do(page, *step.split(":", 1))
        if shot.after:
            page.get_by_text(shot.after).first.wait_for()
        # Lists that load last, and movements of the page.
        page.wait_for_timeout(2000)
        page.screenshot(path=target, animations="disabled", caret="hide")
        size = target.stat().st_size
        problem = f"{size} bytes; make its window smaller" if size > LARGEST else ""
    except Error as error:
        page.screenshot(path=MISSED / f"{shot.name}.png")
        problem = f"{error.message.splitlines()[0]}; see {MISSED.relative_to(REPOSITORY)}/{shot.name}.png"
    page.close()
    sys.stdout.write(f"  {shot.name}: {problem or 'taken'}\n")
    return problem


def _do(page: Any, kind: str, text: str) -> None:
    """Do one step; see :attr:`Shot.steps`."""
    if kind == "click":
        page.get_by_text(text).first.click()
    elif kind == "button":
        page.get_by_role("button", name=text).first.click()
    elif kind == "choose":
        page.get_by_role("combobox").last.click()
        page.keyboard.type(text)
        page.keyboard.press("Enter")
    elif kind == "scroll":
        page.get_by_text(text).first.scroll_into_view_if_needed()
    else:
        raise ValueError(f"there is no step {kind!r}")


if __name__ == "__main__":
    sys.exit(main())
