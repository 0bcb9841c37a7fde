"""Where the data of a job's channels lies, when the job names datasets instead of saying so."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from airflow_provider_pai.local.jobs.store import LOCAL

URI_MEMBERS: Mapping[str, str] = {"InputChannels": "InputUri", "OutputChannels": "OutputUri"}

Body = Mapping[str, Any]
Places = Mapping[str, Mapping[str, str]]
"""OSS URIs of channels, by the member that lists them and by their names."""
DatasetUri = Callable[[str, str], str]
"""From the id of a dataset and the name of a version, which may be empty, to its OSS URI; else a ``LookupError``."""


def dataset_uris(body: Body, place: DatasetUri) -> dict[str, dict[str, str]]:
    """Return where the channels lie that name a dataset.

    Args:
        body: the checked body of CreateTrainingJob.
        place: tells where a dataset lies.

    Raises:
        LookupError: there is no such dataset or version; the text says which.
    """
    return {
        where: {
            item["Name"]: place(item["DatasetId"], item.get("VersionName", ""))
            for item in body.get(where, ())
            if item.get("DatasetId")
        }
        for where in URI_MEMBERS
    }


def with_uris(body: Body, places: Places) -> dict[str, Any]:
    """Return a body with a URI for every channel.

    Args:
        body: a body of CreateTrainingJob, or a stored job.
        places: URIs of those that have none of their own.
    """
    channels = {
        where: [
            {**item, member: places[where][item["Name"]]} if item["Name"] in places.get(where, {}) else item
            for item in body[where]
        ]
        for where, member in URI_MEMBERS.items()
        if where in body
    }
    return {**body, **channels}


def stored_uris(job: Body) -> Places:
    """Return the URIs that the channels of a stored job were found to have when it was created."""
    places: Places = job[LOCAL].get("Places", {})
    return places
