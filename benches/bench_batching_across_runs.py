"""Requests of threads, each a run, to a service with a bulk endpoint: calls of all runs together, or of each alone.

The endpoint takes the same time however many it is asked for. Where it serves one request after the other, as a model
on one processor does, it answers more runs with each; where it serves all at once, waiting for others only costs.
"""

import http.client
import json
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

import makespan as ms

N_THREADS = 16
N_RUNS_EACH = 20
N_ROUNDS = 7
LATENCY_S = 0.005
MAX_WAIT_S = 0.02

SERVICE = """
import json, sys, threading, time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

LATENCY_S, IS_ONE_AT_A_TIME = float(sys.argv[1]), sys.argv[2] == "one at a time"
turn = threading.Lock()

class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1

    def do_POST(self):
        ids = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if IS_ONE_AT_A_TIME:
            with turn:
                time.sleep(LATENCY_S)
        else:
            time.sleep(LATENCY_S)
        body = json.dumps([10 * id_ for id_ in ids]).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_): ...

class Service(ThreadingHTTPServer):
    request_queue_size = 64

service = Service(("127.0.0.1", 0), Handler)
print(service.server_address[1], flush=True)
service.serve_forever()
"""


@pytest.fixture(params=["one at a time", "all at once"])
def port(request: pytest.FixtureRequest) -> Iterator[int]:
    command = [sys.executable, "-c", SERVICE, str(LATENCY_S), request.param]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield int(process.stdout.readline())
        process.kill()


def bench_requests_of_threads(benchmark: Any, port: int) -> None:
    of_thread = threading.local()
    connections: list[http.client.HTTPConnection] = []
    n_requests = 0
    count_lock = threading.Lock()

    def prices(ids: list[int]) -> list[int]:
        nonlocal n_requests
        with count_lock:
            n_requests += 1
        if not hasattr(of_thread, "connection"):
            of_thread.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
            connections.append(of_thread.connection)
        of_thread.connection.request("POST", "/prices", json.dumps(ids))
        found: list[int] = json.loads(of_thread.connection.getresponse().read())
        return found

    price = ms.step(lambda id_: prices([id_])[0], name="price", pure=True, batch=prices)
    workflow = ms.workflow(lambda id_: price(id_), name="priced")
    engines = {
        is_across: ms.SequentialExecutionEngine(
            ms.BatchSequentialStrategy(max_wait=MAX_WAIT_S, across_runs=is_across), workers=1
        )
        for is_across in (True, False)
    }
    prepared = {is_across: engine.prepare(workflow) for is_across, engine in engines.items()}
    n_runs = N_THREADS * N_RUNS_EACH

    with ThreadPoolExecutor(N_THREADS) as pool:

        def served(is_across: bool) -> bool:
            def requests_of(thread: int) -> list[int]:
                ids = range(thread * N_RUNS_EACH, (thread + 1) * N_RUNS_EACH)
                return [prepared[is_across].run(id_).value for id_ in ids]

            found = [value for values in pool.map(requests_of, range(N_THREADS)) for value in values]
            return found == [10 * id_ for id_ in range(n_runs)]

        assert served(False)
        alone_s: list[float] = []

        def run_alone() -> tuple[tuple[bool], dict[str, Any]]:
            nonlocal n_requests
            begun_s = time.perf_counter()
            assert served(False)
            alone_s.append(time.perf_counter() - begun_s)
            n_requests = 0
            return (True,), {}

        assert benchmark.pedantic(served, setup=run_alone, rounds=N_ROUNDS)
    for connection in connections:
        connection.close()
    for engine in engines.values():
        engine.close()
    assert n_requests < n_runs
    benchmark.extra_info["n_requests"] = (n_runs, n_requests)
    if not benchmark.disabled:
        together_per_s = n_runs / benchmark.stats.stats.median
        alone_per_s = n_runs / statistics.median(alone_s)
        benchmark.extra_info["runs_per_s"] = (together_per_s, alone_per_s)
        print(
            f"\n{benchmark.name}: {together_per_s:.0f} runs a second together, {alone_per_s:.0f} alone: "
            f"{together_per_s / alone_per_s:.1f} times; {n_requests} requests for {n_runs} runs"
        )
