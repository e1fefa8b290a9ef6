"""What looking costs: the guard on mails and larger texts with all forms, peers and a bare regex search in the same run.

Run: `python bench/guard_speed.py [--peers]`. Times are CPU milliseconds per text, the median of several passes; ratios
are to one pass of a plain regular expression for long runs of token characters.
"""

from __future__ import annotations

import argparse
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from random import Random

sys.path.insert(0, str(Path(__file__).parents[1]))

from bench.guard_negatives import mails, payloads

from warden.guard import GuardScanner
from warden.guard.known import KnownSecrets, make_fingerprint
from warden.testing.guard_samples import draw

PASSES = 5


def cost_ms(look: Callable[[str], object], texts: list[str]) -> float:
    """Return the median CPU time per text in milliseconds."""
    times = []
    for _ in range(PASSES):
        begin = time.process_time()
        for text in texts:
            look(text)
        times.append((time.process_time() - begin) / len(texts) * 1000)
    return statistics.median(times)


def sized(texts: list[str], size: int) -> list[str]:
    """Return texts of about `size` characters made of `texts`."""
    joined = "\n\n".join(texts)
    return [joined[i : i + size] for i in range(0, len(joined) - size, size)][:200] or [joined]


def import_ms(statement: str) -> float:
    """Return how long a fresh interpreter takes for `statement`, in milliseconds, the least of several."""
    times = []
    for _ in range(9):
        begin = time.perf_counter()
        subprocess.run([sys.executable, "-c", statement], check=True)
        times.append((time.perf_counter() - begin) * 1000)
    return min(times)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--peers", action="store_true")
    options = parser.parse_args()
    random = Random(11)
    sets = {
        "mail 300 B": sized(mails(random, 200), 300),
        "mail 2 KB": sized(mails(random, 400), 2_000),
        "payload 2 KB": sized(payloads(random, 200), 2_000),
        "mail 256 KB": sized(mails(random, 2_000), 262_144)[:4],
    }
    key = b"k" * 32
    known = KnownSecrets(key, [make_fingerprint(key, str(i), draw("{w24}", random).encode()) for i in range(20)])
    looks: dict[str, Callable[[str], object]] = {
        "regex": re.compile(r"[A-Za-z0-9_+/=.-]{16,}").findall,
        "warden": GuardScanner().scan,
        "warden, 20 enrolled": GuardScanner(known).scan,
    }
    if options.peers:
        from bench.guard_peers import peers

        looks |= dict(peers())
    for label, texts in sets.items():
        size = sum(map(len, texts)) / len(texts)
        base = cost_ms(looks["regex"], texts)
        for name, look in looks.items():
            look(texts[0])
            spent = cost_ms(look, texts)
            print(f"{label:14} {name:20} {spent:9.3f} ms  {size / spent / 1000:8.2f} MB/s  {spent / base:8.1f} x regex")
    bare, ours = import_ms("pass"), import_ms("import warden.guard")
    print(f"import warden.guard {ours - bare:.1f} ms over a bare interpreter ({bare:.1f} ms)")


if __name__ == "__main__":
    main()
