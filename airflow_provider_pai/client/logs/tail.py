"""The end of a job's log: read from the newest line back, so that a long log costs little."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from airflow_provider_pai.api.training import LOG_PAGE_SIZE, list_training_job_logs
from airflow_provider_pai.client.logs.instance_log import short_name
from airflow_provider_pai.client.transport.sender import Sender
from airflow_provider_pai.errors import PAIError, SpecError
from airflow_provider_pai.model.problem import Problem
from airflow_provider_pai.model.values import shown, whole

_MOST_INSTANCES = 4


def pages_from_end(client: Sender, job_id: str, instance: str = "") -> Iterator[tuple[str, ...]]:
    """Yield the pages of a log, the newest first; the lines of each are in order.

    Args:
        client: sends the calls.
        job_id: the job that writes the log.
        instance: name of an instance; empty for the job's log.

    Raises:
        PAIError: it can't be read.
    """

    def page(number: int) -> tuple[tuple[str, ...], int]:
        answer = client.send(list_training_job_logs(job_id, page=number, instance=instance or None), attempts=2)
        return answer.lines, answer.total

    first, total = page(1)
    for number in range(-(-total // (len(first) or LOG_PAGE_SIZE)), 1, -1):
        yield page(number)[0]
    yield first


def log_tail(client: Sender, job_id: str, count: int, instances: Sequence[str] = ()) -> tuple[str, ...]:
    """Return a job's last log lines, oldest first; empty when they can't be read.

    Args:
        client: sends the calls.
        job_id: the job.
        count: how many lines.
        instances: the instances to read, each for an equal part of the lines; for none, or for very many, the job's own
            log is read.

    Raises:
        SpecError: ``count`` is no whole number, or ``instances`` are no texts.
    """
    if (lines_wanted := whole(count)) is None:
        raise SpecError([Problem("count", f"must be a whole number of lines, not {shown(count)}")])
    if not isinstance(instances, Sequence) or not all(isinstance(name, str) for name in instances):
        raise SpecError([Problem("instances", f"must be a list of names, not {shown(instances)}")])
    count = lines_wanted
    if not 0 < len(instances) <= _MOST_INSTANCES:
        return _tail(client, job_id, "", count)
    parts = {name: _tail(client, job_id, name, count // len(instances)) for name in instances}
    return tuple(f"[{short_name(job_id, name)}] {line}" for name, lines in parts.items() for line in lines)


def _tail(client: Sender, job_id: str, instance: str, count: int) -> tuple[str, ...]:
    if count < 1:
        return ()
    lines: tuple[str, ...] = ()
    try:
        for page in pages_from_end(client, job_id, instance):
            lines = page + lines
            if len(lines) >= count:
                break
    except PAIError:
        return ()
    return lines[-count:]
