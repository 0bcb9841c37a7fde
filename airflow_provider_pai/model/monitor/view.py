"""What the Training tab shows of a job, as plain JSON: all of it is decided here, the page only draws.

Times in its texts are ISO 8601 in UTC; the page shows them in the time zone of Airflow's pages.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from airflow_provider_pai.model.masking import masked_text
from airflow_provider_pai.model.monitor.comparison import ComparisonOutcome, MetricComparison, compare
from airflow_provider_pai.model.monitor.curve import MOST_POINTS, MOST_POINTS_BEFORE, Curve, sent_points
from airflow_provider_pai.model.monitor.explanation import JobState, explain, time_text
from airflow_provider_pai.model.monitor.observation import JobObservation
from airflow_provider_pai.model.monitor.progress import estimate_progress
from airflow_provider_pai.model.names import TENSORBOARD_CHANNEL
from airflow_provider_pai.model.training.status import WAITING_STATUSES, JobSnapshot, moment

_LONGEST_LINE = 2000
_TELLING = (ComparisonOutcome.BETTER, ComparisonOutcome.WORSE, ComparisonOutcome.SAME)


@dataclass(frozen=True)
class EarlierRun:
    """A run of the same task before this one.

    Attributes:
        label: what the page calls it.
        seen: its job; None while it is not read.
    """

    label: str
    seen: JobObservation | None

    @property
    def title(self) -> str:
        """What the page calls it: by the time of its job, and how that ended unless it succeeded."""
        if self.seen is None:
            return self.label
        job, created = self.seen.job, moment(self.seen.job.created)
        when = time_text(created) if created else self.label
        return when if job.is_success else f"{when} ({job.status})"


def job_view(
    seen: JobObservation, earlier: Sequence[EarlierRun], console_url: str, output_pages: Mapping[str, str]
) -> dict[str, Any]:
    """Return what a page shows of a job.

    Args:
        seen: the job.
        earlier: earlier runs, the newest first.
        console_url: the job's page in PAI's console.
        output_pages: the page of each output channel in OSS's console, as far as there are such.
    """
    job, explanation, progress = seen.job, explain(seen), estimate_progress(seen)
    # A run that did not get to its end is compared as far as it got.
    curves = _curves(seen, earlier, is_partial=not job.is_success)
    said = [_diverged(curves), _verdict(curves, earlier, explanation.state)]
    view: dict[str, Any] = {
        "state": explanation.state,
        "headline": explanation.headline,
        "lines": [*explanation.lines, *filter(None, said)],
        "advice": explanation.advice,
        "job": {"id": job.job_id, "name": job.name, "status": job.status, "image": job.image_uri},
        "times": _times(job),
        "progress": asdict(progress) if progress else None,
        "curves": curves,
        "earlier": [run.title for run in earlier],
        "log": {"lines": _log(seen.log), "total": seen.log_total},
        "links": _links(job, console_url, output_pages),
        "unread": list(seen.unread),
        "seen": seen.seen.isoformat(timespec="seconds"),
    }
    return {name: _masked(item) for name, item in view.items()}


def _times(job: JobSnapshot) -> list[dict[str, str]]:
    return [
        {"status": each.status, "at": each.start, "until": each.end, "reason": each.reason} for each in job.transitions
    ]


def _curves(seen: JobObservation, earlier: Sequence[EarlierRun], *, is_partial: bool) -> list[dict[str, Any]]:
    """Return each metric of this run with those of earlier ones; one that only those have is left out."""
    found = []
    for name, curve in seen.curves.items():
        others = [(run, run.seen.curves.get(name)) for run in earlier if run.seen]
        comparable = [(run, other) for run, other in others if other and other.unit == curve.unit]
        last = next((pair for pair in comparable if pair[0].seen and pair[0].seen.job.is_success), None)
        compared = compare(curve, last[1], is_partial=is_partial) if last else None
        before = [_run(run.title, other, MOST_POINTS_BEFORE) for run, other in comparable]
        runs = [_run("this run", curve, MOST_POINTS), *before]
        found.append(
            {
                "name": name,
                "unit": curve.unit,
                "last": curve.last,
                "runs": runs,
                "outcome": compared.outcome if compared else None,
                "said": _said(compared, last[0].title, curve.unit) if compared and last else "",
            }
        )
    return found


def _run(label: str, curve: Curve, most: int) -> dict[str, Any]:
    return {"label": label, "points": sent_points(curve.points, most)}


def _said(compared: MetricComparison, title: str, unit: str) -> str:
    """Say how a metric compares, in one phrase."""
    words = {
        ComparisonOutcome.BETTER: "better than",
        ComparisonOutcome.WORSE: "worse than",
        ComparisonOutcome.SAME: "the same as",
    }
    at = ""
    if compared.place is not None:
        at = f" at step {compared.place:g}" if unit == "step" else f" after {compared.place:.0f} s"
    now, before = f"{compared.value:.5g}", f"{compared.before:.5g} in the run of {title}{at}"
    return f"{now}: {words[compared.outcome]} {before}" if compared.outcome in words else f"{now}; {before}"


def _verdict(curves: Sequence[Mapping[str, Any]], earlier: Sequence[EarlierRun], state: JobState) -> str:
    """Answer whether the job is better than the last; empty while there is nothing to compare."""
    if state in (JobState.WAITING, JobState.FAILED, JobState.STOPPED) or not curves:
        return ""
    if not earlier:
        return "This is the first run of this task with a job: there is nothing to compare it with."
    judged = {outcome: [each["name"] for each in curves if each["outcome"] == outcome] for outcome in _TELLING}
    parts = [f"{', '.join(names)} {outcome}" for outcome, names in judged.items() if names]
    begin = "So far, compared" if state is JobState.RUNNING else "Compared"
    end = " at the same point" if state is JobState.RUNNING else ""
    return f"{begin} with the last run that succeeded{end}: {'; '.join(parts)}." if parts else ""


def _diverged(curves: Sequence[Mapping[str, Any]]) -> str:
    """Name the metrics with a newest value that is no finite number: such a training seldom recovers."""
    names = ", ".join(each["name"] for each in curves if each["last"] is None)
    return f"The newest value of {names} is NaN or infinite: the training may have diverged." if names else ""


def _log(lines: Sequence[str]) -> list[str]:
    return [line[:_LONGEST_LINE] for line in lines]


def _links(job: JobSnapshot, console_url: str, output_pages: Mapping[str, str]) -> list[dict[str, str]]:
    links = [{"label": "PAI console", "text": job.job_id, "url": console_url}]
    for name, uri in job.outputs.items():
        # Before it runs a job has written nothing.
        if uri and job.status not in WAITING_STATUSES:
            label = "TensorBoard logs" if name == TENSORBOARD_CHANNEL else f"Output {name}"
            links.append({"label": label, "text": uri, "url": output_pages.get(name, "")})
    # Nothing else may become the address of a link.
    return [{**link, "url": link["url"] if link["url"].startswith(("https://", "http://")) else ""} for link in links]


def _masked(value: Any) -> Any:
    """Return a view without secrets in its texts; its own names are none."""
    if isinstance(value, Mapping):
        return {name: _masked(item) for name, item in value.items()}
    if isinstance(value, list):
        return value if value and isinstance(value[0], list) else [_masked(item) for item in value]
    return masked_text(value) if isinstance(value, str) else value
