"""A request that can't be repeated does not go out on a connection that the server is about to end for being idle."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from airflow_provider_pai.api.signing import KeyPair
from airflow_provider_pai.api.training import create_training_job, get_training_job
from airflow_provider_pai.client.transport.config import ClientConfig
from airflow_provider_pai.client.transport.http import PAIClient
from airflow_provider_pai.errors import TransportError

CREATED: list[str] = []


class OneRequestAConnection(BaseHTTPRequestHandler):
    """Answers the first request of a connection and ends the connection at the second, as a server that was idle."""

    protocol_version = "HTTP/1.1"
    served = False

    def _reply(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.served:
            self.close_connection = True
            return
        self.served = True
        if self.command == "POST":
            CREATED.append(self.path)
        content = json.dumps({"TrainingJobId": "train1", "Status": "Running", "RequestId": "1"}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = _reply  # noqa: N815

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def endpoint() -> Iterator[str]:
    CREATED.clear()
    server = ThreadingHTTPServer(("127.0.0.1", 0), OneRequestAConnection)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize("idle", [2.5, 3600.0])
def test_a_job_is_created_on_a_new_connection_after_a_pause(endpoint: str, idle: float) -> None:
    clock = [datetime(2026, 11, 30, tzinfo=UTC)]
    config = ClientConfig("cn-hangzhou", "1", KeyPair("id", "secret"), endpoint, endpoint, attempts=1)
    with closing(PAIClient(config, now=lambda: clock[0])) as client:
        client.send(get_training_job("train1"))
        clock[0] += timedelta(seconds=idle)
        assert client.send(create_training_job({})) == "train1"
        # At once the connection is still in use, and such a server ends it.
        with pytest.raises(TransportError) as error:
            client.send(create_training_job({}))
    assert error.value.sent
    assert len(CREATED) == 1
