"""Run the benchmarks: `python bench/run.py [NAME...] [--out DIR]`.

A benchmark is a module here with a function `cases(scratch)` that gives `Case` and `Figure` values; `scratch` is a
directory of its own. Results are printed as a table and written as JSON. A module with a `main` and no `cases` prints
tables of its own; it is run as a script, and what it prints is kept beside the JSON file.
"""

from __future__ import annotations

import argparse
import importlib
import json
import platform
import sqlite3
import subprocess
import sys
import tempfile
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

HERE = Path(__file__).parent
NOT_BENCHES = {
    "run", "harness", "mutate", "mutants", "covering", "fuzz_policy", "naive", "model_quality", "overlap", "__init__"
}  # fmt: skip
sys.path.insert(0, str(HERE.parent))

from bench.harness import Case, Result, measure, report  # noqa: E402 - found through the path that was just added


def discover() -> dict[str, bool]:
    """Return the names of the benchmarks, and whether each gives cases (or is a script)."""
    found = {}
    for path in sorted(HERE.glob("*.py")):
        text = path.read_text(encoding="utf-8")
        if path.stem not in NOT_BENCHES and ("\ndef cases(" in text or "\ndef main(" in text):
            found[path.stem] = "\ndef cases(" in text
    return found


def run_script(name: str, out: Path | None) -> None:
    """Run a benchmark that prints its own tables, and keep what it prints in `out`; raises when it fails."""
    print(f"== {name}", flush=True)
    done = subprocess.run([sys.executable, str(HERE / f"{name}.py")], stdout=subprocess.PIPE, text=True, check=True)
    print(done.stdout, flush=True)
    if out:
        (out / f"{name}.txt").write_text(done.stdout, encoding="utf-8")


def run(name: str) -> list[Result]:
    """Run one benchmark and return its results, each printed as it comes."""
    results = []
    with tempfile.TemporaryDirectory(prefix=f"bench-{name}-") as scratch:
        for item in importlib.import_module(f"bench.{name}").cases(Path(scratch)):
            result = measure(name, item) if isinstance(item, Case) else report(name, item)
            print(to_row(result), flush=True)
            results.append(result)
    return results


def to_row(result: Result) -> str:
    """Return one line of the table."""
    row = f"{result.bench:<12} {result.name:<44} {result.median:>11.3f} {result.unit:<8}"
    if result.baseline_median is not None and result.ratio is not None:
        row += f" {result.ratio:>7.3f}x of {result.baseline_median:.3f} ({result.baseline})"
    return row + (f"  aim {result.aim}" if result.aim else "")


def machine() -> dict[str, str]:
    """Return what the figures depend on."""
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "python": platform.python_version(),
        "sqlite": sqlite3.sqlite_version,
        "system": f"{platform.system()} {platform.machine()}",
    }


def main() -> int:
    """Run what was asked for, or everything, and write the JSON file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help="benchmarks to run; all when left out")
    parser.add_argument("--out", type=Path, help="directory for results.json")
    given = parser.parse_args()
    known = discover()
    unknown = sorted(set(given.names) - set(known))
    if unknown:
        parser.error(f"no benchmark {', '.join(unknown)}; there are {', '.join(known)}")
    if given.out:
        given.out.mkdir(parents=True, exist_ok=True)
    chosen = given.names or list(known)
    results = [result for name in chosen if known[name] for result in run(name)]
    for name in chosen:
        if not known[name]:
            run_script(name, given.out)
    if given.out:
        document = {"schema": "warden.bench/1", "machine": machine(), "results": [asdict(one) for one in results]}
        (given.out / "results.json").write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
