"""Local OSS behind a real port, and what connects the unmodified oss2 to it."""

from __future__ import annotations

import socket
import threading
import time
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import oss2
import requests
import uvicorn

from airflow_provider_pai.local.oss.app import oss_app
from airflow_provider_pai.local.oss.objects import ObjectStore

KEY_ID, SECRET, REGION = "local-key", "local-secret", "cn-hangzhou"
ODD_KEYS = [
    "plain",
    "dir/a b.txt",
    "模型/检查点 1.bin",
    "100%",
    "%2F",
    "a%2Fb",
    "a+b",
    "a+b c%20d",
    ".hidden",
    "dir/.hidden",
    "..dots",
    "folder/",
    "a//b",
    "q?x=1&y=2#z",
    "tab\tand\nnewline",
    "~tilde*star'quote\"(paren)!",
    "back\\slash",
    "é😀",
    "k" * 1023,
]


class SteerableClock:
    """The real time, moved by ``offset`` seconds."""

    def __init__(self) -> None:
        self.offset = 0.0

    def __call__(self) -> float:
        return time.time() + self.offset


class RunningOSS:
    """Local OSS on a free loopback port, in a thread of its own."""

    def __init__(self, home: Path) -> None:
        self.clock = SteerableClock()
        self.home = home
        self.store = ObjectStore(home, self.clock)
        app = oss_app(self.store, {KEY_ID: SECRET}.get, REGION, self.clock)
        self._server = uvicorn.Server(uvicorn.Config(app, log_level="warning", lifespan="on", ws="none"))
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._server.run, kwargs={"sockets": [self._socket]})
        self.endpoint = f"http://127.0.0.1:{self._socket.getsockname()[1]}"

    def __enter__(self) -> RunningOSS:
        self._thread.start()
        while not self._server.started:
            assert self._thread.is_alive(), "the server did not start"
            time.sleep(0.01)
        return self

    def __exit__(self, *_: object) -> None:
        self._server.should_exit = True
        self._thread.join()
        self._socket.close()
        self.store.close()


class ToLocalServer(requests.adapters.HTTPAdapter):
    """Sends what is meant for any host to one server and keeps the Host header: a DNS entry for tests."""

    def __init__(self, endpoint: str) -> None:
        super().__init__()
        self._target = urlsplit(endpoint).netloc

    def send(self, request, *args, **kwargs):
        parts = urlsplit(request.url)
        request.headers["Host"] = parts.netloc
        request.url = urlunsplit(parts._replace(netloc=self._target))
        return super().send(request, *args, **kwargs)


def connect(server: RunningOSS, auth: oss2.auth.AuthBase, name: str, session: oss2.Session) -> oss2.Bucket:
    return oss2.Bucket(auth, server.endpoint, name, region=REGION, session=session)


def read(bucket: oss2.Bucket, key: str, **options: object) -> bytes:
    return bucket.get_object(key, **options).read()
