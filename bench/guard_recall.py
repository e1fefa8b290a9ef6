"""How many drawn credentials the guard finds, and how often it cries wolf, with the rules held apart by provider.

Providers are split in two halves by the digest of their name. The format rules of one half are scored on credentials
of the other, so that no credential is found by a rule for its own provider; generic detection does the rest. Installed
peers are scored on the same texts. Run: `python bench/guard_recall.py [--peers] [--misses N]`.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from random import Random

sys.path.insert(0, str(Path(__file__).parents[1]))

from bench.guard_negatives import mails, payloads

from warden.guard import GuardScanner
from warden.guard.formats import all_rules
from warden.testing.guard_samples import Sample, samples

CORPUS = Path(__file__).parent.parent / "tests" / "corpus" / "guard_providers.txt"
Finder = Callable[[str], list[tuple[int, int]]]


def half_of(provider: str) -> int:
    """Return 0 or 1, by the digest of the provider's name."""
    return hashlib.sha256(provider.encode()).digest()[0] & 1


def of_guard(scanner: GuardScanner) -> Finder:
    """Return a finder over `scanner`."""
    return lambda text: [(f.start, f.end) for f in scanner.scan(text)]


def is_found(sample: Sample, spans: list[tuple[int, int]]) -> bool:
    """Return whether one of `spans` covers half of the sample's credential or more."""
    size = sample.end - sample.start
    return any(min(end, sample.end) - max(start, sample.start) >= size / 2 for start, end in spans)


def class_of(sample: Sample) -> str:
    """Return the sort of value: what it looks like without its surroundings."""
    value = sample.text[sample.start : sample.end]
    if len(value) == 36 and value.count("-") == 4:
        return "uuid"
    bare = value.replace("-", "").replace("_", "")
    if all(c in "0123456789abcdef" for c in bare):
        return "hex"
    if value.startswith("eyJ"):
        return "jwt"
    return "prefixed" if any(c in "-_." for c in value[1:8]) else "mixed"


def held_apart(texts: list[Sample], misses: int) -> None:
    """Print recall with every provider's own format rules left out, by class and by style."""
    own = {sample.provider for sample in texts}
    providers = {rule.provider for rule in all_rules()}
    kept = [frozenset(p for p in providers if p not in own or half_of(p) != half) for half in (0, 1)]
    scanners = [GuardScanner(providers=part) for part in kept]
    by_class: Counter[str] = Counter()
    found_by_class: Counter[str] = Counter()
    missed_styles: Counter[str] = Counter()
    missed = []
    for sample in texts:
        kind = class_of(sample)
        by_class[kind] += 1
        if is_found(sample, of_guard(scanners[half_of(sample.provider)])(sample.text)):
            found_by_class[kind] += 1
        else:
            missed_styles[sample.style] += 1
            missed.append(sample)
    for half in (0, 1):
        part = [s for s in texts if half_of(s.provider) == half]
        lost = sum(1 for s in missed if half_of(s.provider) == half)
        print(f"held apart, half {half}: recall {1 - lost / len(part):.3f} of {len(part)}")
    for kind, count in sorted(by_class.items()):
        print(f"  {kind:10} {found_by_class[kind] / count:.3f} of {count}")
    print("  missed by style:", dict(missed_styles.most_common(12)))
    for sample in missed[:misses]:
        print("    MISS", sample.style, repr(sample.text))


def row(name: str, find: Finder, texts: list[Sample], clean: dict[str, list[str]]) -> None:
    """Print one line of the table: recall on `texts`, share of flagged documents in each set of `clean`."""
    recall = sum(is_found(s, find(s.text)) for s in texts) / len(texts)
    alarms = {label: sum(bool(find(t)) for t in documents) / len(documents) for label, documents in clean.items()}
    print(f"{name:16} recall {recall:.3f}  " + "  ".join(f"{k} flagged {v:.3f}" for k, v in alarms.items()))


def main() -> None:
    """Draw, score and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--peers", action="store_true")
    parser.add_argument("--misses", type=int, default=0)
    parser.add_argument("--seed", type=int, default=20)
    parser.add_argument("--styles", type=int, default=5)
    options = parser.parse_args()
    random = Random(options.seed)
    texts = list(samples(CORPUS.read_text().splitlines(), random, options.styles))
    clean = {"mails": mails(random, 400), "payloads": payloads(random, 300)}
    held_apart(texts, options.misses)
    row("warden", of_guard(GuardScanner()), texts, clean)
    if options.misses:
        scanner = GuardScanner()
        for label, documents in clean.items():
            for document in documents:
                for finding in scanner.scan(document)[:2]:
                    print(
                        "  ALARM",
                        label,
                        finding.rule_id,
                        finding.form,
                        repr(document[max(0, finding.start - 60) : finding.end]),
                    )
    if options.peers:
        from bench.guard_peers import peers

        for name, find in peers():
            row(name, find, texts, clean)


if __name__ == "__main__":
    main()
