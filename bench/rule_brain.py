"""Precision and recall of the rule brain on every labelled set, and its speed.

Scored: *precision of automatic actions* (an answer with the right entry, mark read, progress note, skip: the share that the
labels ask for) and *recall of clear routing* (the share of clear routing questions that are answered with their entry).
The baseline of the speed is a plain search of the catalogue's titles in the text. `--out FILE` writes the figures as JSON.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from warden.brains.rules.brain import RuleBrain
from warden.documents.catalog import load_catalog
from warden.guard.intent import read_facts
from warden.model.catalog import Catalog
from warden.model.ids import MessageKey
from warden.model.message import BrainInput, Mail, Message, Principal
from warden.model.plan import Plan

ROOT = Path(__file__).resolve().parent.parent
LABELLED = ROOT / "tests" / "labelled"
AGENT = "ops-warden"
EXPECTED = {"ack": ("mark_read",), "status": ("progress_note", "mark_read"), "automatic": ("skip",)}
CLASSES = (
    "routing", "ambiguous", "two_questions", "secret_request", "change_request", "injection", "ack", "status",
        "automatic",
    "unknown",
)  # fmt: skip


@dataclass
class Tally:
    """Counts of one set: right and wrong automatic actions, and per class how many were seen and judged as labelled."""

    right: int = 0
    wrong: list[str] = field(default_factory=list)
    seen: Counter[str] = field(default_factory=Counter)
    hit: Counter[str] = field(default_factory=Counter)
    missed: list[str] = field(default_factory=list)

    @property
    def precision(self) -> float:
        return self.right / (self.right + len(self.wrong)) if self.right or self.wrong else 1.0

    @property
    def recall(self) -> float:
        return self.hit["routing"] / self.seen["routing"] if self.seen["routing"] else 1.0


def catalog_path(labelled: Path) -> Path:
    """Return the catalogue that a labelled set is about."""
    own = labelled.with_suffix("").with_suffix(".catalog.yaml")
    return own if own.exists() else ROOT / "charter" / "catalog.yaml"


def read_message(record: dict[str, object]) -> Message:
    """Return a labelled record as a message."""
    metadata = record.get("metadata", {})
    assert isinstance(metadata, dict)
    content = Mail(
        str(record["subject"]), str(record["body"]), str(record["kind"]), f"t-{record['id']}", metadata=metadata
    )
    key = MessageKey("bench", AGENT, str(record["id"]))
    return Message(key, Principal(str(record["from"])), "2026-01-01T00:00:00Z", content)


def propose(brain: RuleBrain, message: Message) -> Plan:
    """Return the brain's plan with the facts that the guard reads."""
    return brain.propose(BrainInput(message, read_facts(message, AGENT, 5, {})))


def score(records: Iterable[dict[str, object]], catalog: Catalog) -> Tally:
    """Return the counts for one labelled set."""
    brain, tally = RuleBrain(catalog), Tally()
    for record in records:
        label, plan = str(record["label"]), propose(brain, read_message(record))
        kinds = tuple(action.kind for action in plan.actions)
        tally.seen[label] += 1
        if label == "routing":
            hit = kinds == ("route_answer",) and plan.catalog_entry == record["entry"]
        else:
            hit = kinds == EXPECTED.get(label, ("escalate",))
        tally.hit[label] += hit
        text = f"{record['subject']!r} {record['body']!r}"
        wanted = f"{record['id']} {label} {record.get('entry', '')}"
        line = f"{wanted}: {'+'.join(kinds)} {plan.reason} | {plan.detail} | {text}"
        if kinds != ("escalate",):
            if hit:
                tally.right += 1
            else:
                tally.wrong.append(line)
        elif not hit:
            tally.missed.append(line)
    return tally


def read_set(path: Path) -> list[dict[str, object]]:
    """Return the records of a labelled file."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]


def _measure_speed(path: Path) -> dict[str, float]:
    records = read_set(path)
    catalog = load_catalog(catalog_path(path).read_bytes(), "catalogue")
    brain = RuleBrain(catalog)
    padding = "We are moving the reporting job to the new host this week and everything else stays as it is. " * 9
    messages = [read_message({**record, "body": f"{padding}\n\n{record['body']}"}) for record in records]
    inputs = [BrainInput(message, read_facts(message, AGENT, 5, {})) for message in messages]
    titles = [entry.title.lower() for entry in catalog.entries]
    brain.propose(inputs[0])
    rounds: dict[str, list[float]] = {"brain_ms": [], "facts_ms": [], "title_search_ms": []}
    for _ in range(5):
        started = time.perf_counter()
        for given in inputs:
            brain.propose(given)
        rounds["brain_ms"].append((time.perf_counter() - started) / len(inputs) * 1000)
        started = time.perf_counter()
        for message in messages:
            read_facts(message, AGENT, 5, {})
        rounds["facts_ms"].append((time.perf_counter() - started) / len(inputs) * 1000)
        started = time.perf_counter()
        for message in messages:
            body = message.content.body.lower()
            [title for title in titles if title in body]
        rounds["title_search_ms"].append((time.perf_counter() - started) / len(inputs) * 1000)
    return {name: round(statistics.median(values), 4) for name, values in rounds.items()}


def main() -> None:
    """Print the table; with `--verbose` also what went wrong, except in sets that are kept apart."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--verbose", action="store_true")
    parser.add_argument("--only")
    arguments = parser.parse_args()
    figures: dict[str, object] = {}
    for path in sorted(LABELLED.glob("*.jsonl")):
        if arguments.only and path.stem != arguments.only:
            continue
        tally = score(read_set(path), load_catalog(catalog_path(path).read_bytes(), path.name))
        classes = {name: f"{tally.hit[name]}/{tally.seen[name]}" for name in CLASSES if tally.seen[name]}
        figures[path.stem] = {
            "messages": sum(tally.seen.values()),
            "precision_automatic": round(tally.precision, 4),
            "recall_routing": round(tally.recall, 4),
            "as_labelled": classes,
        }
        print(f"{path.stem:16} {sum(tally.seen.values()):4} messages", end="  ")
        print(f"automatic precision {tally.precision:.3f}  routing recall {tally.recall:.3f}")
        print("   " + "  ".join(f"{name} {value}" for name, value in classes.items()))
        if arguments.verbose:
            print(
                *(f"   WRONG  {line}" for line in tally.wrong),
                *(f"   MISSED {line}" for line in tally.missed),
                sep="\n",
            )
    if not arguments.only:
        speed = _measure_speed(LABELLED / "ops_warden.jsonl")
        figures["speed_1kb"] = speed
        ratio = (speed["brain_ms"] + speed["facts_ms"]) / max(speed["title_search_ms"], 1e-6)
        per_second = 1000 / (speed["brain_ms"] + speed["facts_ms"])
        print(f"1 KB message: {speed}  {per_second:.0f} messages/s, {ratio:.0f}x a title search")
    if arguments.out:
        arguments.out.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
