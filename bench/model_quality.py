"""How well a real model decides, beside the rules: per class of the labelled sets, with latency and tokens.

`model_quality.py --python .venv-llm/bin/python --weights FILE`, or `--url URL --name MODEL [--key-file FILE]` for a server that
runs already. For each class a sample is taken, always the same one. Told for `rule`, `llm` and `auto`: how many messages were
handled as the label asks, how many were left to a person although the label asks for more (safe, but work), and how many were
handled otherwise (wrong). `auto` is the rules' plan where they have one and the same answer of the model elsewhere.
"""

from __future__ import annotations

import argparse
import json
import secrets
import statistics
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "llm")]

from bench.rule_brain import CLASSES, EXPECTED, LABELLED, catalog_path, read_message, read_set  # noqa: E402 - as above

from realmodel import KEY, patient_settings, real_model  # noqa: E402 - as above
from warden.brains.llm.brain import ContainedBrain, ModelBrainParts  # noqa: E402 - as above
from warden.brains.llm.client import ModelClient, RememberedDialects, Surroundings  # noqa: E402 - as above
from warden.brains.llm.providers import build_provider  # noqa: E402 - as above
from warden.brains.llm.settings import ModelSettings  # noqa: E402 - as above
from warden.brains.rules.brain import RuleBrain  # noqa: E402 - as above
from warden.cli.clock import SystemClock  # noqa: E402 - as above
from warden.cli.model_parts import redactor  # noqa: E402 - as above
from warden.documents.catalog import load_catalog  # noqa: E402 - as above
from warden.guard import GuardScanner  # noqa: E402 - as above
from warden.guard.intent import read_facts  # noqa: E402 - as above
from warden.model.catalog import Catalog  # noqa: E402 - as above
from warden.model.consultation import Usage  # noqa: E402 - as above
from warden.model.message import BrainInput  # noqa: E402 - as above
from warden.model.plan import Plan  # noqa: E402 - as above
from warden.testing.engine import Patience  # noqa: E402 - as above

BRAINS = ("rule", "llm", "auto")
AGENT = "ops-warden"
Record = dict[str, object]


@dataclass
class Score:
    """Per brain and class: handled as labelled (`right`), left to a person instead (`left`), handled otherwise (`wrong`)."""

    counts: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    usages: list[Usage] = field(default_factory=list)
    seen: Counter[str] = field(default_factory=Counter)

    def note(self, brain: str, record: Record, plan: Plan) -> str:
        """Count a plan and return how it was judged."""
        label = str(record["label"])
        kinds = tuple(action.kind for action in plan.actions)
        if label == "routing":
            right = kinds == ("route_answer",) and plan.actions[0].arguments == {"entry_id": record["entry"]}
        else:
            right = kinds == EXPECTED.get(label, ("escalate",))
        verdict = "right" if right else "left" if kinds == ("escalate",) else "wrong"
        self.counts[brain, label, verdict] += 1
        return verdict

    def cell(self, brain: str, labels: tuple[str, ...]) -> str:
        """Return `right left wrong` of a brain for these classes."""
        return " ".join(f"{sum(self.counts[brain, label, one] for label in labels):4}" for one in VERDICTS)


VERDICTS = ("right", "left", "wrong")


def sample(records: list[Record], most: int) -> Iterator[Record]:
    """Yield up to `most` records of each class, spread evenly over the set."""
    for label in CLASSES:
        found = [record for record in records if record["label"] == label]
        step = max(1, len(found) // most)
        yield from found[::step][:most]


def build_brain(settings: ModelSettings, catalog: Catalog, key: str | None) -> tuple[ContainedBrain, ModelClient]:
    """Return the brain that asks this model about everything that the guard leaves it."""
    around = Surroundings(SystemClock(), Patience(), lambda: key, RememberedDialects())
    client = ModelClient(build_provider(settings), settings, around)
    charter = (ROOT / "charter" / "charter.md").read_text(encoding="utf-8")
    digest = "sha256:" + "0" * 64
    parts = ModelBrainParts(settings, catalog, charter, digest, client, redactor(GuardScanner()), secrets.token_hex)
    return ContainedBrain(parts, rules_first=False), client


def measure(path: Path, settings: ModelSettings, key: str | None, most: int, score: Score) -> None:
    """Ask about a sample of one labelled set."""
    catalog = load_catalog(catalog_path(path).read_bytes(), path.name)
    rules = RuleBrain(catalog)
    brain, client = build_brain(settings, catalog, key)
    for record in sample(read_set(path), most):
        message = read_message(record)
        given = BrainInput(message, read_facts(message, AGENT, 5, {}))
        by_rules = rules.propose(given)
        prepared = brain.prepare(given)
        if isinstance(prepared, Plan):
            by_model, usage = prepared, None
        else:
            consultation = brain.consult(prepared)
            by_model, usage = consultation.plan, consultation.usage
            score.usages.append(usage)
        is_open = any(action.kind == "escalate" for action in by_rules.actions)
        score.seen[str(record["label"])] += 1
        score.note("rule", record, by_rules)
        verdict = score.note("llm", record, by_model)
        score.note("auto", record, by_model if is_open else by_rules)
        said = " ".join(str(value) for value in by_model.actions[0].arguments.values())
        cost = (
            f"{usage.wall_ms / 1000:6.1f} s {usage.prompt_tokens}+{usage.completion_tokens}" if usage else "not asked"
        )
        print(f"{record['id']} {record['label']}: {verdict} {by_model.reason} {said!r:.90} [{cost}]", file=sys.stderr)
    client.close()


def print_table(score: Score, name: str) -> None:
    """Print the classes, then all of them, then what it cost."""
    print(f"{name}: {sum(score.seen.values())} messages; right, left to a person, wrong")
    print(f"{'class':16} {'n':>3}" + "".join(f"  | {brain:^14}" for brain in BRAINS))
    labels = [label for label in CLASSES if score.seen[label]]
    for label in labels:
        print(f"{label:16} {score.seen[label]:3}" + "".join(f"  | {score.cell(brain, (label,))}" for brain in BRAINS))
    total = sum(score.seen.values())
    print(f"{'all':16} {total:3}" + "".join(f"  | {score.cell(brain, tuple(labels))}" for brain in BRAINS))
    if score.usages:
        waits = sorted(usage.wall_ms / 1000 for usage in score.usages)
        prompts = [usage.prompt_tokens for usage in score.usages]
        answers = [usage.completion_tokens for usage in score.usages]
        print(
            f"{len(waits)} questions: median {statistics.median(waits):.1f} s, longest {waits[-1]:.1f} s; "
            f"prompt median {statistics.median(prompts):.0f} tokens, answer median {statistics.median(answers):.0f}"
        )


def main() -> None:
    """Ask, and print the table; what was answered goes to stderr, a message a line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--python", type=Path, help="interpreter that has xllamacpp")
    parser.add_argument("--weights", type=Path, help="file of weights")
    parser.add_argument("--url", help="a server that runs already, instead")
    parser.add_argument("--provider", default="openai")
    parser.add_argument("--name", default="local")
    parser.add_argument("--key-file", type=Path)
    parser.add_argument("--sets", nargs="*", default=["ops_warden"], help="labelled sets; `all` for every one")
    parser.add_argument("--sample", type=int, default=4, help="messages of each class and set")
    parser.add_argument("--out", type=Path, help="file for the figures, as JSON")
    given = parser.parse_args()
    paths = [path for path in sorted(LABELLED.glob("*.jsonl")) if path.stem in given.sets or given.sets == ["all"]]
    score = Score()
    with ExitStack() as stack:
        if given.url:
            url, key = given.url, given.key_file.read_text(encoding="utf-8").strip() if given.key_file else None
        elif given.python and given.weights:
            url, key = stack.enter_context(real_model(given.python.absolute(), given.weights.absolute())), KEY
        else:
            parser.error("name a server with --url, or --python and --weights")
        settings = patient_settings(url, given.provider, given.name)
        for path in paths:
            measure(path, settings, key, given.sample, score)
    print_table(score, given.weights.stem if given.weights else given.name)
    if given.out:
        counts = {f"{brain} {label} {verdict}": n for (brain, label, verdict), n in sorted(score.counts.items())}
        document = {"schema": "warden.bench-llm/1", "counts": counts, "wall_ms": [one.wall_ms for one in score.usages]}
        given.out.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
