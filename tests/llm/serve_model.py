"""Serves a model on a free loopback port until standard input closes: `serve_model.py MODEL.gguf [KEY]`.

Run by the Python of the environment that holds `xllamacpp` (llama.cpp inside). Prints `READY URL` when it answers. With a
key it refuses requests without it. One request at a time: a second one waits.
"""

from __future__ import annotations

import os
import sys

CONTEXT_TOKENS = 6144
"""A prompt of ours has 1500 to 3000 tokens; the rest is for an answer and for what attacks add."""


def serve(weights: str, key: str = "") -> None:
    """Serve until standard input ends."""
    # Threads that wait by spinning make everything on a busy machine several times slower. Read when the library is loaded.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = weights
    params.port = 0
    params.n_ctx = CONTEXT_TOKENS
    params.n_parallel = 1
    params.n_gpu_layers = 0
    params.offline = True
    params.ui = params.warmup = False
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = min(4, os.cpu_count() or 1)
    if key:
        params.api_keys = [key]
    server = xllamacpp.Server(params)
    print(f"READY {server.listening_address}", flush=True)
    while sys.stdin.buffer.read(1024):
        pass
    # Its threads do not end by themselves.
    os._exit(0)


if __name__ == "__main__":
    if len(sys.argv) not in (2, 3):
        sys.exit("usage: serve_model.py MODEL.gguf [KEY]")
    serve(*sys.argv[1:])
