"""A model server as people write it for EAS: port and model folder hard-coded, the working directory its own."""

import http.server
import json
import os
from pathlib import Path

model = json.loads(Path("/eas/workspace/model/model.json").read_text())


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.answer({"healthy": True})

    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.answer({"prediction": [model["weight"] * x for x in asked["x"]], "stage": os.environ["STAGE"]})

    def answer(self, value):
        body = json.dumps(value).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


print("serving", model, flush=True)
http.server.ThreadingHTTPServer(("0.0.0.0", 8000), Handler).serve_forever()
