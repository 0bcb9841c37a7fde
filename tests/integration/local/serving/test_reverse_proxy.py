"""What the door lets in, where it leads to, and what it passes on."""

from __future__ import annotations

import http.client
import itertools
import random
import socket
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from urllib.parse import urlsplit

import pytest
import requests

from airflow_provider_pai.local.eas.record import Wanted
from tests.integration.local.serving.test_running_services import environment
from tests.support.serving import GROUP_TOKEN, SERVER, Build, LocalServingHarness
from tests.support.waits import PATIENCE, wait_until

ECHO = """
import http.server, json
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        body = json.dumps([[name.lower(), value] for name, value in self.headers.items()]).encode()
        self.send_response(299, "Odd")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("X-Twice", "1")
        self.send_header("X-Twice", "2")
        self.send_header("Keep-Alive", "timeout=5")
        self.end_headers()
        self.wfile.write(body)
    def do_HEAD(self):
        self.send_response(200)
        self.send_header("Content-Length", "12345")
        self.end_headers()
    def log_message(self, *_): pass
http.server.ThreadingHTTPServer(("0.0.0.0", 8000), Handler).serve_forever()
"""
STREAMS = """
import http.server, hashlib, itertools, time
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def chunk(self, data):
        self.wfile.write(b"%x\\r\\n%b\\r\\n" % (len(data), data))
        self.wfile.flush()
    def pieces(self):
        if self.headers.get("Transfer-Encoding") != "chunked":
            left = int(self.headers["Content-Length"])
            while left:
                piece = self.rfile.read(min(left, 1 << 20))
                left -= len(piece)
                yield piece
            return
        while size := int(self.rfile.readline(), 16):
            yield self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
    def do_POST(self):
        received = 0
        for piece in self.pieces():
            if not received:
                print("it begins", flush=True)
            received += len(piece)
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        while received:
            piece = b"y" * min(received, 1 << 20)
            received -= len(piece)
            self.chunk(piece)
        self.chunk(b"")
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        try:
            for number in itertools.count():
                self.chunk(b"data: %d\\n\\n" % number)
                time.sleep(0.05)
        except OSError:
            print("the caller left", flush=True)
    def log_message(self, *_): pass
http.server.ThreadingHTTPServer(("0.0.0.0", 8000), Handler).serve_forever()
"""


def grouped(harness: LocalServingHarness, name: str, weight: int, traffic: str = "grouping") -> None:
    config = harness.config(env=environment(ANSWER=name))
    config["metadata"]["group"] = "shop"
    harness.create(name, config, Wanted(weight=weight, traffic=traffic))


def ask_group(harness: LocalServingHarness) -> requests.Response:
    return harness.ask("shop", headers={"Authorization": GROUP_TOKEN})


@pytest.mark.parametrize("shown", ["token-svc", "Bearer token-svc"])
def test_who_shows_the_token_is_let_in(harness: LocalServingHarness, shown: str) -> None:
    harness.create("svc", harness.config())
    harness.until("svc", "Running")
    assert harness.ask("svc", headers={"Authorization": shown}).status_code == 200


@pytest.mark.parametrize("headers", [{}, {"Authorization": "token-other"}, {"Authorization": "Basic token-svc"}])
def test_who_does_not_is_refused(harness: LocalServingHarness, headers: dict[str, str]) -> None:
    harness.create("svc", harness.config())
    answer = harness.ask("svc", headers=headers)
    assert answer.status_code == 401
    assert answer.json() == {"code": "Unauthorized", "message": "Invalid token"}


def test_an_unknown_service_is_not_found_and_one_that_is_not_ready_has_no_upstream(
    harness: LocalServingHarness,
) -> None:
    assert (harness.ask("absent").status_code, harness.ask("absent").content) == (404, b"")
    harness.create("svc", harness.config(script="sleep 600"))
    answer = harness.ask("svc")
    assert (answer.status_code, answer.text) == (503, "no healthy upstream")


def test_headers_are_passed_on_but_for_those_of_one_connection_and_the_token(harness: LocalServingHarness) -> None:
    harness.create("svc", harness.config(ECHO))
    harness.until("svc", "Running")
    sent = {"Authorization": "token-svc", "X-Own": "a", "Connection": "X-Private, keep-alive", "X-Private": "b"}
    answer = harness.ask("svc", headers=sent)
    assert (answer.status_code, answer.reason) in [(299, ""), (299, "Odd")]
    got = dict(answer.json())
    assert got["x-own"] == "a"
    assert got["host"] == urlsplit(harness.listener.url).netloc
    assert not got.keys() & {"authorization", "x-private", "connection"}
    assert answer.headers["X-Twice"] == "1, 2"
    assert "Keep-Alive" not in answer.headers
    head = harness.ask("svc", method="HEAD")
    assert (head.headers["Content-Length"], head.content) == ("12345", b"")


@pytest.mark.parametrize("named", ["content-length", "Transfer-Encoding", "close, Content-Length", "host"])
def test_a_connection_option_takes_no_header_away_that_a_request_is_read_by(
    harness: LocalServingHarness, named: str
) -> None:
    harness.create("svc", harness.config(ECHO))
    harness.until("svc", "Running")
    sent = {"Authorization": "token-svc", "Connection": named}
    for _ in range(2):
        got = dict(harness.ask("svc", headers=sent, data=b"12345").json())
        assert (got["content-length"], got["host"]) == ("5", urlsplit(harness.listener.url).netloc)


@pytest.mark.parametrize("chunked", [False, True])
def test_large_bodies_are_streamed_both_ways(harness: LocalServingHarness, chunked: bool) -> None:
    harness.create("svc", harness.config(STREAMS))
    harness.until("svc", "Running")
    size, piece = 64, bytes(range(256)) * 4096

    def body() -> Iterator[bytes]:
        yield piece
        harness.says("svc", "it begins")
        yield from itertools.repeat(piece, size - 1)

    length = {"Transfer-Encoding": "chunked"} if chunked else {"Content-Length": str(size * len(piece))}
    connection = http.client.HTTPConnection("127.0.0.1", harness.listener.port, timeout=PATIENCE)
    with closing(connection):
        headers = {"Authorization": "token-svc", **length}
        connection.request("POST", "/api/predict/svc", body(), headers, encode_chunked=chunked)
        answer = connection.getresponse()
        received = sum(len(each) for each in iter(lambda: answer.read(1 << 20), b""))
    assert received == size * len(piece)


def test_what_comes_early_is_passed_on_early_and_a_caller_that_leaves_ends_it(harness: LocalServingHarness) -> None:
    harness.create("svc", harness.config(STREAMS))
    harness.until("svc", "Running")
    headers = {"Authorization": "token-svc"}
    with requests.get(harness.url("svc"), headers=headers, stream=True, timeout=PATIENCE) as answer:
        # It comes without an end.
        assert next(answer.iter_lines()) == b"data: 0"
    harness.says("svc", "the caller left")


def test_a_caller_that_leaves_while_it_sends_disturbs_no_other_caller(harness: LocalServingHarness) -> None:
    harness.create("svc", harness.config(STREAMS))
    harness.until("svc", "Running")
    upstream = harness.upstreams.take("svc")
    assert upstream is not None
    with socket.create_connection(("127.0.0.1", harness.listener.port)) as caller:
        head = b"POST /api/predict/svc HTTP/1.1\r\nHost: x\r\nAuthorization: token-svc\r\nContent-Length: 99999\r\n\r\n"
        caller.sendall(head + b"only the beginning")
        wait_until(lambda: upstream.busy == 2)
    assert harness.ask("svc", method="POST", data=b"well").content == b"yyyy"
    wait_until(lambda: upstream.busy == 1)
    harness.upstreams.give_back(upstream)


def test_an_answer_that_breaks_off_breaks_off_for_the_caller(harness: LocalServingHarness) -> None:
    script = SERVER.replace("self.wfile.write(text)", "self.wfile.write(text[:3]); self.wfile.flush(); os._exit(7)")
    harness.create("svc", harness.config(script))
    harness.until("svc", "Running")
    connection = http.client.HTTPConnection("127.0.0.1", harness.listener.port, timeout=PATIENCE)
    connection.request("GET", "/api/predict/svc", headers={"Authorization": "token-svc"})
    answer = connection.getresponse()
    with pytest.raises(http.client.IncompleteRead):
        answer.read()
    connection.close()


def test_a_group_shares_its_traffic_by_weight(build: Build) -> None:
    harness = build(point=random.Random(7).random)
    for name, weight in (("blue", 90), ("green", 10), ("grey", 0), ("gone", -1)):
        grouped(harness, name, weight)
    grouped(harness, "alone", 100, "standalone")
    for name in ("blue", "green", "grey", "gone", "alone"):
        harness.until(name, "Running")
    answers = Counter(ask_group(harness).text.split()[0] for _ in range(300))
    assert set(answers) == {"blue", "green"}
    # Three standard deviations of a binomial distribution are 16.
    assert abs(answers["green"] - 30) < 16
    assert harness.ask("grey").text == "grey GET /"
    assert harness.ask("shop", headers={"Authorization": "token-blue"}).status_code == 401
    assert ask_group(harness).status_code == 200

    harness.want("blue", weight=0)
    assert {ask_group(harness).text.split()[0] for _ in range(20)} == {"green"}
    harness.want("green", running=False)
    harness.until("green", "Stopped")
    assert ask_group(harness).text == "no healthy upstream"


def test_traffic_is_shifted_within_a_group_without_a_failed_request(harness: LocalServingHarness) -> None:
    for name, weight in (("blue", 100), ("green", 0)):
        grouped(harness, name, weight)
        harness.until(name, "Running")
    codes: Counter[int] = Counter()
    done = threading.Event()

    def load() -> None:
        while not done.is_set():
            codes[ask_group(harness).status_code] += 1

    def await_requests() -> None:
        before = codes.total()
        wait_until(lambda: codes.total() >= before + 10)

    client = threading.Thread(target=load)
    client.start()
    try:
        for share in (10, 50, 100):
            harness.want("green", weight=share)
            harness.want("blue", weight=100 - share)
            await_requests()
        harness.want("blue", running=False)
        harness.until("blue", "Stopped")
        await_requests()
    finally:
        done.set()
        client.join()
    assert set(codes) == {200}


@pytest.mark.parametrize("option", ["content-length", "Content-Length, host", "close, content-length, content-type"])
def test_a_connection_option_does_not_take_a_bodys_length_away(harness: LocalServingHarness, option: str) -> None:
    harness.create("svc", harness.config())
    harness.until("svc", "Running")
    headers = {"Authorization": "token-svc", "Connection": option}
    assert harness.ask("svc", "/x", "POST", data=b"all of it", headers=headers).text.endswith("POST /x all of it")
    assert harness.ask("svc").status_code == 200


@pytest.mark.parametrize("path", ["/a%0ab", "/%0a", "/a%0d%0ab?c=%0a", "/a%2fb", "/%2e%2e/x"])
def test_an_encoded_path_reaches_the_instance_as_it_was_sent(harness: LocalServingHarness, path: str) -> None:
    harness.create("svc", harness.config())
    harness.until("svc", "Running")
    with socket.create_connection(("127.0.0.1", harness.listener.port)) as caller:
        head = f"GET /api/predict/svc{path} HTTP/1.1\r\nHost: x\r\nAuthorization: token-svc\r\n"
        caller.sendall(head.encode() + b"Connection: close\r\n\r\n")
        answer = b"".join(iter(lambda: caller.recv(4096), b"")).decode()
    assert answer.startswith("HTTP/1.1 200")
    assert answer.endswith(f"GET {path}")


@pytest.mark.parametrize("name", ["svc%0a", "%0asvc", "svc%00", "no%0asuch"])
def test_a_name_with_a_line_break_is_no_service(harness: LocalServingHarness, name: str) -> None:
    assert requests.get(harness.url(name), headers={"Authorization": "token-svc"}, timeout=PATIENCE).status_code == 404
