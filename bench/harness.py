"""What a benchmark is made of: something of ours, a baseline in the same run, and the ratio of their medians.

Ours and the baseline take turns, so that a machine that gets slower or faster meanwhile does so for both. Nothing here
fails for a figure: a benchmark reports, people judge.
"""

from __future__ import annotations

import statistics
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Case:
    """One comparison. `ours` and `baseline` run once and return a figure in `unit`; smaller is better.

    `aim` is the ratio of ours to the baseline that is wanted at most, None when the ratio is only reported.
    """

    name: str
    ours: Callable[[], float]
    baseline: Callable[[], float]
    baseline_name: str
    unit: str = "ms"
    aim: float | None = None
    rounds: int = 7


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure that has no baseline: a precision, a size, a peak of memory. `aim` says in words what is wanted."""

    name: str
    value: float
    unit: str = ""
    aim: str = ""


@dataclass(frozen=True, slots=True)
class Result:
    """What came of one case or figure."""

    bench: str
    name: str
    median: float
    unit: str
    baseline: str = ""
    baseline_median: float | None = None
    ratio: float | None = None
    aim: str = ""
    rounds: Sequence[float] = field(default_factory=tuple)
    baseline_rounds: Sequence[float] = field(default_factory=tuple)


def measure(bench: str, case: Case) -> Result:
    """Run a case: one round of each that does not count, then the rounds, ours and the baseline by turns."""
    case.ours()
    case.baseline()
    pairs = [(case.ours(), case.baseline()) for _ in range(case.rounds)]
    ours, baseline = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    median, baseline_median = statistics.median(ours), statistics.median(baseline)
    return Result(
        bench=bench,
        name=case.name,
        median=median,
        unit=case.unit,
        baseline=case.baseline_name,
        baseline_median=baseline_median,
        ratio=median / baseline_median if baseline_median else None,
        aim="" if case.aim is None else f"<= {case.aim:g}x",
        rounds=ours,
        baseline_rounds=baseline,
    )


def report(bench: str, figure: Figure) -> Result:
    """Return a figure as a result."""
    return Result(bench=bench, name=figure.name, median=figure.value, unit=figure.unit, aim=figure.aim)


def time_process(arguments: Sequence[str], environment: Mapping[str, str], cwd: Path | None = None) -> float:
    """Run a process to its end and return its wall time in milliseconds; raises when it fails."""
    start = time.perf_counter()
    subprocess.run(
        arguments, env=dict(environment), cwd=cwd, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL
    )
    return (time.perf_counter() - start) * 1000


def time_call(call: Callable[[], object]) -> float:
    """Call and return the wall time in milliseconds."""
    start = time.perf_counter()
    call()
    return (time.perf_counter() - start) * 1000
