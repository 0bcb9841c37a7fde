"""A container registry on this machine, with one small image that has a shell: what an engine pulls from."""

from __future__ import annotations

import gzip
import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from tests.support.python_image import write_shell
from tests.support.waits import LONGER

_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
_CONFIG = "application/vnd.docker.container.image.v1+json"
_LAYER = "application/vnd.docker.image.rootfs.diff.tar.gzip"
NAME = "pai/shell:1"


@contextmanager
def registry(folder: Path, architecture: str, held: threading.Event | None = None) -> Iterator[str]:
    """Serve the image and yield its name, with the registry's address.

    Args:
        folder: where the image is made.
        architecture: of the engine, as it calls it.
        held: no layer is given away before it is set; None for no wait.
    """
    layer = folder / "layer.tar"
    write_shell(layer)
    blobs, manifest = _image(layer.read_bytes(), architecture)

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer(body=True)

        def do_HEAD(self) -> None:
            self._answer(body=False)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

        def _answer(self, *, body: bool) -> None:
            kind, _, reference = self.path.rpartition("/")
            if kind.endswith("/blobs") and held is not None:
                held.wait(LONGER)
            manifests = {NAME.rpartition(":")[2]: manifest, _digest(manifest): manifest}
            found = {"/v2": b"{}"}.get(kind) or (manifests if kind.endswith("/manifests") else blobs).get(reference)
            self.send_response(200 if found else 404)
            content = found or b'{"errors": [{"code": "MANIFEST_UNKNOWN", "message": "manifest unknown"}]}'
            self.send_header("Content-Type", _MANIFEST if kind.endswith("/manifests") else "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.send_header("Docker-Content-Digest", _digest(content))
            self.end_headers()
            if body:
                self.wfile.write(content)

    with ThreadingHTTPServer(("127.0.0.1", 0), Answer) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"127.0.0.1:{server.server_port}/{NAME}"
        server.shutdown()
        thread.join()


def _image(layer: bytes, architecture: str) -> tuple[dict[str, bytes], bytes]:
    """Return the image's blobs by digest, and its manifest."""
    packed = gzip.compress(layer, 1)
    layers = {"type": "layers", "diff_ids": [_digest(layer)]}
    config = json.dumps({"architecture": architecture, "os": "linux", "config": {}, "rootfs": layers}).encode()
    described = {
        "schemaVersion": 2,
        "mediaType": _MANIFEST,
        "config": {"mediaType": _CONFIG, "size": len(config), "digest": _digest(config)},
        "layers": [{"mediaType": _LAYER, "size": len(packed), "digest": _digest(packed)}],
    }
    return {_digest(config): config, _digest(packed): packed}, json.dumps(described).encode()


def _digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"
