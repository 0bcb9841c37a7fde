"""ListTrainingJobs: which jobs match, in which order, on which page."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from operator import itemgetter
from typing import Any

from airflow_provider_pai.local.clock import wire_time
from airflow_provider_pai.local.http.page import PageRequest, descending
from airflow_provider_pai.local.http.parameters import flag
from airflow_provider_pai.local.jobs.errors import invalid
from airflow_provider_pai.local.parsing import read_json
from airflow_provider_pai.model.training.status import JobStatus

MAX_PAGE_SIZE = 100
"""[inferred]: no maximum is public, examples go to 100."""
MAX_LOG_PAGE_SIZE = 1000
"""[inferred]: no maximum is public, and lines are shorter than jobs."""
_DEFAULT_PAGE_SIZE = 10
"""[inferred]: no default is public."""
_WINDOW = timedelta(days=7)
_SORTABLE = ("GmtCreateTime", "GmtModifiedTime")
_EXACT = ("WorkspaceId", "TrainingJobId", "Status", "AlgorithmName", "AlgorithmProvider")

Record = Mapping[str, Any]
Test = Callable[[Record], bool]


def select_page(records: Sequence[Record], query: Mapping[str, str], now: datetime) -> tuple[list[Record], int]:
    """Return one page of the matching jobs and the number of all of them.

    Args:
        records: all jobs, oldest first.
        query: the request's parameters.
        now: the server's time; StartTime is 7 days before it unless given, EndTime is it.

    Raises:
        ErrorResponse: 400 InvalidParameter, naming the parameter that can't be read.
    """
    page = read_page(query, _DEFAULT_PAGE_SIZE)
    tests = _tests(query, now)
    sort_by = query.get("SortBy") or "GmtCreateTime"
    if sort_by not in _SORTABLE:
        raise invalid(f"The parameter SortBy is invalid: it must be one of {', '.join(_SORTABLE)}.")
    found = list(records)
    for test in tests:
        found = [record for record in found if test(record)]
    newest_first = descending(query, default=True)
    if newest_first:
        # Times have whole seconds, and sorting leaves jobs of one second in the order they come in.
        found.reverse()
    found.sort(key=itemgetter(sort_by), reverse=newest_first)
    return list(page.of(found)), len(found)


def read_page(query: Mapping[str, str], default_size: int, most: int = MAX_PAGE_SIZE) -> PageRequest:
    """Read PageNumber and PageSize.

    Raises:
        ErrorResponse: 400 InvalidParameter, one is no positive integer or the size is above ``most``.
    """
    page = PageRequest.asked(query, default_size)
    if page.size > most:
        raise invalid(f"The parameter PageSize is invalid: it must be from 1 to {most}.")
    return page


def read_time_range(query: Mapping[str, str]) -> tuple[str, str]:
    """Return StartTime and EndTime as PAI writes times; empty when they aren't given.

    Raises:
        ErrorResponse: 400 InvalidParameter, one of them is no ISO 8601 time.
    """
    return _time(query, "StartTime"), _time(query, "EndTime")


def read_times(query: Mapping[str, str]) -> tuple[datetime | None, datetime | None]:
    """Return StartTime and EndTime; None when they aren't given.

    Raises:
        ErrorResponse: 400 InvalidParameter, one of them is no ISO 8601 time.
    """
    start, end = (datetime.fromisoformat(text) if text else None for text in read_time_range(query))
    return start, end


def _tests(query: Mapping[str, str], now: datetime) -> list[Test]:
    start, end = read_time_range(query)
    first, last = start or wire_time(now - _WINDOW), end or wire_time(now)
    tests: list[Test] = [lambda record: first <= record["GmtCreateTime"] <= last]
    if query.get("Status") and query["Status"] not in list(JobStatus):
        raise invalid(f"The parameter Status is invalid: it must be one of {', '.join(JobStatus)}.")
    tests.extend(_equals(name, query[name]) for name in _EXACT if query.get(name))
    if name := query.get("TrainingJobName", "").lower():
        # [inferred] from DLC's sibling filter, which is a substring in any case.
        tests.append(lambda record: name in record["TrainingJobName"].lower())
    if query.get("IsTempAlgo"):
        wanted = flag(query, "IsTempAlgo")
        tests.append(lambda record: record["IsTempAlgo"] is wanted)
    tests.extend(_has(label) for label in labels(query))
    return tests


def _equals(name: str, value: str) -> Test:
    return lambda record: record.get(name) == value


def _has(label: Mapping[str, str]) -> Test:
    return lambda record: label in record.get("Labels", ())


def labels(query: Mapping[str, str]) -> list[dict[str, str]]:
    """Return the labels that a list asks for; none when it asks for none.

    Raises:
        ErrorResponse: 400 InvalidParameter, they are no JSON object of texts.
    """
    text = query.get("Labels")
    if not text:
        return []
    try:
        value = read_json(text)
    except ValueError:
        value = None
    if not isinstance(value, dict) or not all(isinstance(item, str) for item in value.values()):
        raise invalid('The parameter Labels is invalid: it must be a JSON object of texts such as {"key":"value"}.')
    return [{"Key": key, "Value": value} for key, value in value.items()]


def _time(query: Mapping[str, str], name: str) -> str:
    text = query.get(name)
    if not text:
        return ""
    try:
        moment = datetime.fromisoformat(text)
        aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return wire_time(aware.astimezone(UTC))
    except (ValueError, OverflowError) as error:
        raise invalid(f"The parameter {name} is invalid: it must be a time such as 2024-07-10T11:49:47Z.") from error
