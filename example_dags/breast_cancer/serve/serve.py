"""Answers predictions over HTTP with nothing but Python and the model: POST {"rows": [[30 numbers], ...]}."""

import json
import os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import joblib

PORT = 8000
MODEL = joblib.load(Path(os.environ["MODEL_MOUNT_PATH"]) / "model.joblib")


class Predictions(BaseHTTPRequestHandler):
    """GET tells of the model, POST asks it."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.answer(200, {"features": MODEL.n_features_in_})

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        try:
            benign = MODEL.predict_proba(json.loads(body)["rows"])[:, 1]
        except (ValueError, KeyError, TypeError) as error:
            self.answer(400, {"error": f"{type(error).__name__}: {error}"})
            return
        self.answer(200, {"benign": [float(each) for each in benign]})

    def answer(self, status, value):
        text = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_):
        """EAS's gateway keeps the log of requests."""


if __name__ == "__main__":
    print(f"serving on port {PORT}", flush=True)
    ThreadingHTTPServer(("", PORT), Predictions).serve_forever()
