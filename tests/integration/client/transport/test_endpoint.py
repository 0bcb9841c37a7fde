from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from airflow_provider_pai.api.signing import KeyPair
from airflow_provider_pai.client.transport.config import ClientConfig
from airflow_provider_pai.client.transport.endpoint import EndpointClient
from airflow_provider_pai.errors import TransportError
from airflow_provider_pai.model.serving.smoke_test import Answer, SmokeTest

CONFIG = ClientConfig("cn-hangzhou", "7", KeyPair("id", "secret"), connect_timeout=2.0)


class Gateway(http.server.ThreadingHTTPServer):
    """Answers what it is given, one after the other, and keeps what it was asked."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answers: list[tuple[int, str]] = []
        self.asked: list[tuple[str, str, str | None, str]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/api/predict/iris"


class _Handler(http.server.BaseHTTPRequestHandler):
    server: Gateway

    def answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
        self.server.asked.append((self.command, self.path, self.headers.get("Authorization"), body))
        status, text = self.server.answers.pop(0)
        if status:
            self.send_response(status)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text.encode())

    do_GET = do_POST = answer  # noqa: N815 - the library calls them so

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass


@pytest.fixture
def gateway() -> Iterator[Gateway]:
    with Gateway() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def naps() -> list[float]:
    return []


@pytest.fixture
def client(naps: list[float]) -> Iterator[EndpointClient]:
    client = EndpointClient(CONFIG, sleep=naps.append, clock=lambda: float(len(naps)))
    yield client
    client.close()


def test_a_request_shows_the_token_and_carries_its_body(gateway: Gateway, client: EndpointClient) -> None:
    gateway.answers = [(200, "fine"), (201, "made")]
    assert client.ask(gateway.url, "t0k3n", SmokeTest(path="/v1?x=1")) == Answer(200, "fine")
    assert client.ask(gateway.url + "/", "t0k3n", SmokeTest("POST", "/v2", json={"a": 1})) == Answer(201, "made")
    assert gateway.asked == [
        ("GET", "/api/predict/iris/v1?x=1", "t0k3n", ""),
        ("POST", "/api/predict/iris/v2", "t0k3n", '{"a": 1}'),
    ]


def test_a_password_file_does_not_take_the_place_of_the_token(
    gateway: Gateway, client: EndpointClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "netrc"
    file.write_text("machine 127.0.0.1 login person password else\n")
    monkeypatch.setenv("NETRC", str(file))
    gateway.answers = [(200, "")]
    client.ask(gateway.url, "t0k3n", SmokeTest())
    assert [authorization for _, _, authorization, _ in gateway.asked] == ["t0k3n"]


def test_the_gateways_own_answers_are_waited_out(gateway: Gateway, client: EndpointClient, naps: list[float]) -> None:
    gateway.answers = [(404, ""), (503, "no healthy upstream"), (503, ""), (503, "busy")]
    assert client.ask_until_routed(gateway.url, "t", SmokeTest()) == Answer(503, "busy")
    assert naps == [2.0, 2.0, 2.0]


def test_waiting_for_the_gateway_has_an_end(gateway: Gateway, client: EndpointClient, naps: list[float]) -> None:
    gateway.answers = [(404, "")] * 10
    assert client.ask_until_routed(gateway.url, "t", SmokeTest(), limit=3.0) == Answer(404, "")
    assert len(naps) == 3


def test_a_connection_that_breaks_is_made_again(gateway: Gateway, client: EndpointClient) -> None:
    gateway.answers = [(0, ""), (0, ""), (200, "fine")]
    assert client.ask_until_routed(gateway.url, "t", SmokeTest()) == Answer(200, "fine")
    gateway.answers = [(0, "")] * 3
    with pytest.raises(TransportError):
        client.ask_until_routed(gateway.url, "t", SmokeTest())


TEST = SmokeTest(expect_status=200, expect_contains="fine")


@pytest.mark.parametrize("odd", [(502, "bad gateway"), (504, ""), (429, "slow down"), (503, "busy"), (500, "oops")])
def test_a_server_that_may_be_busy_is_asked_three_times_before_it_is_believed(
    gateway: Gateway, client: EndpointClient, naps: list[float], odd: tuple[int, str]
) -> None:
    gateway.answers = [odd, odd, (200, "fine")]
    assert client.ask_until_routed(gateway.url, "t", TEST) == Answer(200, "fine")
    assert naps == [5.0, 5.0]
    gateway.answers = [odd] * 3
    assert client.ask_until_routed(gateway.url, "t", TEST) == Answer(*odd)


@pytest.mark.parametrize("odd", [(200, "the model before"), (400, "bad request"), (404, "Not Found")])
def test_a_wrong_answer_is_asked_for_once_more(
    gateway: Gateway, client: EndpointClient, naps: list[float], odd: tuple[int, str]
) -> None:
    gateway.answers = [odd, (200, "fine")]
    assert client.ask_until_routed(gateway.url, "t", TEST) == Answer(200, "fine")
    gateway.answers = [odd] * 2
    assert client.ask_until_routed(gateway.url, "t", TEST) == Answer(*odd)
    assert naps == [5.0, 5.0]


def test_an_answer_of_which_nothing_is_expected_is_asked_for_once(gateway: Gateway, client: EndpointClient) -> None:
    for odd in ((500, "oops"), (404, "Not Found"), (405, "")):
        gateway.answers = [odd]
        assert client.ask_until_routed(gateway.url, "t", SmokeTest()) == Answer(*odd)


def test_a_service_without_anything_at_its_root_is_not_waited_for_long(
    gateway: Gateway, client: EndpointClient, naps: list[float]
) -> None:
    gateway.answers = [(404, "")] * 200
    assert client.ask_until_routed(gateway.url, "t", SmokeTest()) == Answer(404, "")
    assert len(naps) == 20
    naps.clear()
    assert client.ask_until_routed(gateway.url, "t", TEST) == Answer(404, "")
    assert len(naps) == 120


def test_the_error_of_no_answer_does_not_show_the_token(gateway: Gateway, client: EndpointClient) -> None:
    gateway.answers = [(0, "")]
    with pytest.raises(TransportError, match="no answer from http://127") as failure:
        client.ask(gateway.url, "t0k3n", SmokeTest())
    assert "t0k3n" not in repr(failure.value)
