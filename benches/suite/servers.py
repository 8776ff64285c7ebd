"""Local servers with a fixed latency, in a thread of the process that measures."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.request import Request, urlopen

__all__ = ["ask", "fetch", "serving"]

Answer = Callable[[str, bytes], bytes]
"""From path and body to the body of the answer."""


@contextmanager
def serving(answer: Answer, latency_s: float) -> Iterator[str]:
    """Serve on a free port; gives the address, without a slash at its end."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            time.sleep(latency_s)
            content = answer(self.path, body)
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_POST = do_GET  # noqa: N815 (http.server's name)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def fetch(url: str) -> str:
    """Get a page."""
    with urlopen(url, timeout=30) as response:
        return str(response.read().decode())


def ask(url: str, question: object) -> object:
    """Post JSON, get JSON."""
    with urlopen(Request(url, json.dumps(question).encode()), timeout=30) as response:
        answer: object = json.load(response)
        return answer
