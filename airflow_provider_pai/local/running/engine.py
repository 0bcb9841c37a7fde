"""The Docker engine: whether one answers, what it is like, and the images it has."""

from __future__ import annotations

import os
import queue
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import docker
from docker.errors import DockerException, ImageNotFound
from docker.utils import parse_repository_tag

from airflow_provider_pai.local.running.runtime import ImageFailed, LineSink

_PROBE_SECONDS = 5
_ANSWER_SECONDS = 600
"""Storing the packages of a large framework as an image takes minutes."""
_CONNECTIONS = 100
_LOOK_SECONDS = 0.1
_MARKS = (Path("/.dockerenv"), Path("/run/.containerenv"))
_LAYER_DONE = frozenset({"Pull complete", "Already exists"})


class EngineError(OSError):
    """The engine does not answer, or refuses; the text says what was asked of it."""


class Engine:
    """A Docker engine of this machine.

    Args:
        client: speaks to it.
        owner: user and group whom files that containers write must belong to; by default those of this process.
        marks: files that only a container has.

    Attributes:
        client: speaks to it; wrap what it is asked in :func:`asking`.
        version: such as ``28.2.2``.
        user: user and group that containers run as.
        namespace: whether containers get their users mapped; ``host`` where the engine would do that.
        is_outside: whether this process is in a container of its own and the engine is not: then folders of this
            process are none of the engine's machine, as a rule.
    """

    def __init__(self, client: docker.DockerClient, owner: str | None = None, marks: Sequence[Path] = _MARKS) -> None:
        with asking("the Docker engine does not answer"):
            facts = client.info()
        self.client = client
        contained = any(mark.exists() for mark in marks)
        self.is_outside = contained and facts.get("Name") != socket.gethostname()
        self.version = str(facts.get("ServerVersion", ""))
        options = " ".join(facts.get("SecurityOptions") or ())
        # The root of a rootless engine is the user who runs it.
        self.user = "0:0" if "name=rootless" in options else owner or f"{os.getuid()}:{os.getgid()}"
        self.namespace = "host" if "name=userns" in options else ""

    @classmethod
    def connect(cls, environment: Mapping[str, str] = os.environ) -> Engine:
        """Return the engine that ``DOCKER_HOST`` names, else the one of Docker's current context.

        Args:
            environment: variables; ``DOCKER_HOST``, ``DOCKER_TLS_VERIFY`` and ``DOCKER_CERT_PATH`` count.

        Raises:
            EngineError: none answers.
        """
        named = environment.get("DOCKER_HOST")
        with asking(f"no Docker engine answers{f' at {named}' if named else ''}"):
            # It asks for the version of the API at once; a machine without an engine must not be waited for.
            client = docker.from_env(environment=dict(environment), timeout=_PROBE_SECONDS, max_pool_size=_CONNECTIONS)
        client.api.timeout = _ANSWER_SECONDS
        return cls(client)

    def close(self) -> None:
        """Close all connections to it."""
        self.client.close()

    def image(self, uri: str, say: LineSink, cancelled: threading.Event) -> str | None:
        """Return the id of an image, pulled when it is missing.

        Args:
            uri: the image; ``latest`` when it names neither tag nor digest.
            say: gets lines for a job's log.
            cancelled: gives up when it is set.

        Returns:
            The id; None when the work was given up.

        Raises:
            ImageFailed: it can't be pulled.
            EngineError: the engine fails.
        """
        with asking(f"the Docker engine can't tell whether it has the image {uri}"):
            try:
                return str(self.client.images.get(uri).id)
            except ImageNotFound:
                pass
        try:
            if not self._pull(uri, say, cancelled):
                return None
            with asking("it is not there after it was pulled"):
                return str(self.client.images.get(uri).id)
        except EngineError as error:
            raise ImageFailed(f"The image {uri} can't be pulled: {error}") from error

    def _pull(self, uri: str, say: LineSink, cancelled: threading.Event) -> bool:
        """Pull an image; False when the work was given up: then the engine continues, for the next who asks."""
        say(f"Pulling the image {uri}")
        began = time.monotonic()
        events: queue.SimpleQueue[Mapping[str, Any] | EngineError | None] = queue.SimpleQueue()
        # Nothing can interrupt a read from an engine that waits for its registry.
        threading.Thread(target=self._read_pull, args=(uri, events.put), daemon=True).start()
        while not cancelled.is_set():
            try:
                event = events.get(timeout=_LOOK_SECONDS)
            except queue.Empty:
                continue
            if event is None:
                say(f"Pulled in {time.monotonic() - began:.0f} s")
                return True
            if isinstance(event, EngineError):
                raise event
            if event.get("status") in _LAYER_DONE:
                say(f"{event['id']}: {event['status']}")
        return False

    def _read_pull(self, uri: str, notify: Callable[[Mapping[str, Any] | EngineError | None], None]) -> None:
        repository, tag = parse_repository_tag(uri)
        try:
            with asking("the registry refused it"):
                for event in self.client.api.pull(repository, tag=tag or "latest", stream=True, decode=True):
                    if "error" in event:
                        raise EngineError(str(event["error"]))
                    notify(event)
        except EngineError as error:
            notify(error)
        else:
            notify(None)


@contextmanager
def asking(failure: str) -> Iterator[None]:
    """Turn whatever the library raises into an :class:`EngineError`.

    Args:
        failure: what it means that this failed.
    """
    try:
        yield
    except EngineError:
        raise
    except (DockerException, OSError) as error:
        said = getattr(error, "explanation", None) or error
        raise EngineError(f"{failure}: {said}") from error
