"""A model server that shares memory with another process, as one does that loads batches in workers."""

import http.server
import json
from multiprocessing import Process, shared_memory
from pathlib import Path


def write(name):
    block = shared_memory.SharedMemory(name)
    block.buf[:5] = b"batch"
    block.close()


class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        block = shared_memory.SharedMemory(create=True, size=1 << 20)
        worker = Process(target=write, args=(block.name,))
        worker.start()
        worker.join()
        answer = {"read": bytes(block.buf[:5]).decode(), "there": Path("/dev/shm", block.name).exists()}
        block.close()
        block.unlink()
        body = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


http.server.HTTPServer(("0.0.0.0", 8000), Handler).serve_forever()
