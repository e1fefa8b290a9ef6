"""What looking costs: the guard with all forms on ordinary classes of text, peers and a bare regex search in the same run.

Run: `python bench/guard_speed.py [--peers] [--enrolled] [--growth]`. For each class of text it prints CPU milliseconds per
2,000 characters, the median of several passes over distinct texts of that size, and MB/s over texts of 64 KiB and more;
then what importing costs. `--growth` prints how the time of texts that are made to be slow grows from 64 KiB to 1 MiB (16
times the size). Every pass has a new scanner, as one remembers short texts.
"""

from __future__ import annotations

import argparse
import base64
import json
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from random import Random

sys.path.insert(0, str(Path(__file__).parents[1]))

from bench.guard_negatives import mails, payloads

from warden.guard import GuardScanner
from warden.guard.known import KnownSecrets, make_fingerprint
from warden.testing.guard_samples import draw

PASSES = 3
SMALL, LARGE = 2_000, 131_072
Look = Callable[[str], object]
ROOT = Path(__file__).parents[1]
SLOW_PIECES = (
    "a",
    "A1b2",
    "=",
    "%41",
    "&#65;",
    "\\",
    "path ",
    "sk-",
    "ghp_ ",
    "a b ",
    '"+"',
    "-\n",
    "password: ",
    "key=Q7 ",
)


def cost_ms(look: Callable[[], Look], texts: list[str]) -> float:
    """Return the median CPU time per text in milliseconds; `look` makes a scanner that has not seen the texts."""
    times = []
    look()(texts[0])
    for _ in range(PASSES):
        fresh = look()
        begin = time.process_time()
        for text in texts:
            fresh(text)
        times.append((time.process_time() - begin) / len(texts) * 1000)
    return statistics.median(times)


def cut(text: str, size: int, most: int) -> list[str]:
    """Return up to `most` texts of `size` characters cut from `text`."""
    return [text[i : i + size] for i in range(0, len(text) - size + 1, size)][:most] or [text]


def log_lines(random: Random, count: int) -> str:
    """Return lines of a service's log, each with a request id, a commit and numbers."""
    return "\n".join(
        f"2026-11-0{random.randint(1, 9)}T10:{random.randint(10, 59)}:31.{random.randint(100, 999)}Z INFO svc[{n}]: request "
        f"{draw('{x8}-{x4}-{x4}-{x4}-{x12}', random)} took {random.randint(1, 999)} ms path=/v1/items/{draw('{d6}', random)} "
        f"commit={draw('{x40}', random)}"
        for n in range(count)
    )


def identifiers(random: Random, count: int) -> str:
    """Return a listing of nothing but identifiers: commits, UUIDs, digests, ULIDs, numbers."""
    shapes = ("commit {x40}", "id: {x8}-{x4}-{x4}-{x4}-{x12}", "sha256:{x64}", "order {d10}", "01{U24}", "etag {x32}")
    return "\n".join(draw(random.choice(shapes), random) for _ in range(count))


def minified(random: Random, count: int) -> str:
    """Return what a minifier makes of functions: short names, few blanks."""
    words = (
        "length",
        "prototype",
        "createElement",
        "addEventListener",
        "toString",
        "hasOwnProperty",
        "callback",
        "token",
    )
    return "".join(
        f"function {draw('{a2}', random)}(e,t){{var n=e.{random.choice(words)},r={random.randint(0, 999)};return n&&t?"
        f'r*n:"{random.choice(words)}"+e[{random.randint(0, 9)}].{random.choice(words)}(t)}}'
        for _ in range(count)
    )


def classes(random: Random) -> Mapping[str, str]:
    """Return a long text of each class."""
    source = "\n".join(path.read_text() for path in sorted((ROOT / "src").rglob("*.py")))
    return {
        "prose": "\n\n".join(mails(random, 3_000)),
        "identifiers": identifiers(random, 12_000),
        "JSON payload": "\n".join(payloads(random, 400)),
        "log lines": log_lines(random, 4_000),
        "minified JS": minified(random, 4_000),
        "base64 image": f"data:image/png;base64,{base64.b64encode(random.randbytes(400_000)).decode()}",
        "base64 in MIME": base64.encodebytes(random.randbytes(400_000)).decode(),
        "source code": source[:600_000],
        "pretty JSON": json.dumps([json.loads(one) for one in payloads(random, 100)], indent=2),
    }


def import_ms(statement: str) -> float:
    """Return how long a fresh interpreter takes for `statement`, in milliseconds, the least of several."""
    times = []
    for _ in range(9):
        begin = time.perf_counter()
        subprocess.run([sys.executable, "-c", statement], check=True)
        times.append((time.perf_counter() - begin) * 1000)
    return min(times)


def looks(with_peers: bool, with_enrolled: bool) -> dict[str, Callable[[], Look]]:
    """Return what is measured, by name: each makes a fresh scanner."""
    found: dict[str, Callable[[], Look]] = {
        "regex": lambda: re.compile(r"[A-Za-z0-9_+/=.-]{16,}").findall,
        "warden": lambda: GuardScanner().scan,
    }
    if with_enrolled:
        random = Random(12)
        key = b"k" * 32
        known = KnownSecrets(key, [make_fingerprint(key, str(i), draw("{w24}", random).encode()) for i in range(20)])
        found["warden, 20 enrolled"] = lambda: GuardScanner(known).scan
    if with_peers:
        from bench.guard_peers import peers

        found |= {name: (lambda find=find: find) for name, find in peers()}  # type: ignore[misc]
    return found


def print_classes(with_peers: bool, with_enrolled: bool) -> None:
    """Print cost and rate of each class of text for each scanner."""
    for label, text in classes(Random(11)).items():
        small, large = cut(text, SMALL, 40), cut(text, LARGE, 1)
        for name, look in looks(with_peers, with_enrolled).items():
            per_small, per_large = cost_ms(look, small), cost_ms(look, large)
            rate = sum(map(len, large)) / len(large) / per_large / 1000
            print(f"{label:15} {name:20} {per_small:8.3f} ms per {SMALL} characters  {rate:8.2f} MB/s", flush=True)


def print_growth() -> None:
    """Print how many times longer 1 MiB of each slow piece takes than 64 KiB of it."""
    for piece in SLOW_PIECES:
        small, large = ((piece * (size // len(piece) + 1))[:size] for size in (1 << 16, 1 << 20))
        few, many = (cost_ms(lambda: GuardScanner().scan, [text]) for text in (small, large))
        print(
            f"growth {piece!r:12} {few:9.1f} ms {many:10.1f} ms  {many / few:6.1f} times for 16 times the size",
            flush=True,
        )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--peers", action="store_true")
    parser.add_argument("--enrolled", action="store_true")
    parser.add_argument("--growth", action="store_true")
    options = parser.parse_args()
    print_classes(options.peers, options.enrolled)
    bare = import_ms("pass")
    for modules in ("warden.guard", "re, enum, typing, dataclasses", "warden.guard.scanner"):
        print(
            f"import {modules}: {import_ms(f'import {modules}') - bare:.1f} ms over a bare interpreter ({bare:.1f} ms)"
        )
    if options.growth:
        print_growth()


if __name__ == "__main__":
    main()
