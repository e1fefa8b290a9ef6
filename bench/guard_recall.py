"""How many drawn credentials the guard finds, and how often it cries wolf, with the rules held apart by provider.

Providers are split in two halves by the digest of their name. The format rules of one half are scored on credentials
of the other, so that no credential is found by a rule for its own provider; generic detection does the rest. Installed
peers are scored on the same texts. Then ways of writing that the rules' own tests do not use, passwords by the way they are
used, and values that stand bare; and with `--texts`, payloads and mails that packages carry (`guard_texts` says which).

    python bench/guard_recall.py [--peers] [--texts DIRECTORY] [--misses N]

`--peers` needs `pip install detect-secrets kingfisher-secret-scanner`; one that is not installed is left out.
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

from bench.guard_contexts import BARE, CONTEXTS, PASSWORDS
from bench.guard_negatives import mails, payloads
from bench.guard_texts import ordinary_texts

from warden.guard import GuardScanner
from warden.guard.formats import all_rules
from warden.testing.guard_samples import Sample, draw, samples

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


def other_ways(lines: list[str], random: Random, misses: int) -> None:
    """Print recall in ways of writing that the rules' tests do not use: held apart, by what stands near the value."""
    texts = list(samples(lines, random, 6, CONTEXTS))
    own = {sample.provider for sample in texts}
    apart = of_guard(GuardScanner(providers=frozenset(rule.provider for rule in all_rules()) - own))
    tried: Counter[str] = Counter()
    found: Counter[str] = Counter()
    for sample in texts:
        way = sample.style.split("-")[0]
        tried[way] += 1
        if is_found(sample, apart(sample.text)):
            found[way] += 1
        elif misses > 0:
            misses -= 1
            print("    MISS", sample.style, repr(sample.text))
    for way, count in sorted(tried.items()):
        print(f"other ways, {way:12} {found[way] / count:.3f} of {count}")
    print(f"other ways, all          {found.total() / tried.total():.3f} of {tried.total()}")


PASSWORD_FORMS = ("{w12}", "{w5}!{w5}", "{l16}", "Winter{d4}!", "horse{d3}", "{w20}")
BARE_FORMS = ("{w20}", "{w24}", "{w32}", "{w40}", "{v43}", "xk_{w32}", "{l32}", "{U32}", "{x32}", "{uuid}")


def without_names(random: Random) -> None:
    """Print recall of passwords by how they are used, and of values that nothing names, by what they look like."""
    find = of_guard(GuardScanner())
    drawn = [_put(text, "{s}", form, random) for text in PASSWORDS.values() for form in PASSWORD_FORMS]
    print(f"passwords in use         {sum(is_found(s, find(s.text)) for s in drawn) / len(drawn):.3f} of {len(drawn)}")
    for form in BARE_FORMS:
        drawn = [_put(text, "{v}", form, random) for text in BARE.values() for _ in range(3)]
        print(f"bare {form:12}        {sum(is_found(s, find(s.text)) for s in drawn) / len(drawn):.3f} of {len(drawn)}")


def _put(text: str, mark: str, form: str, random: Random) -> Sample:
    value = draw(form, random)
    start = text.index(mark)
    return Sample("", "", text.replace(mark, value), start, start + len(value))


def row(name: str, find: Finder, texts: list[Sample], clean: dict[str, list[str]]) -> None:
    """Print one line of the table: recall on `texts`, share of flagged documents in each set of `clean`."""
    recall = sum(is_found(s, find(s.text)) for s in texts) / len(texts)
    alarms = {label: sum(bool(find(t)) for t in documents) / len(documents) for label, documents in clean.items()}
    print(f"{name:16} recall {recall:.3f}  " + "  ".join(f"{k} flagged {v:.3f}" for k, v in alarms.items()))


def main() -> None:
    """Draw, score and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--peers", action="store_true")
    parser.add_argument("--texts", type=Path, help="a directory of archives with payloads and mails of others")
    parser.add_argument("--misses", type=int, default=0)
    parser.add_argument("--seed", type=int, default=20)
    parser.add_argument("--styles", type=int, default=5)
    options = parser.parse_args()
    random = Random(options.seed)
    lines = CORPUS.read_text().splitlines()
    texts = list(samples(lines, random, options.styles))
    clean = {"mails": mails(random, 400), "payloads": payloads(random, 300)}
    if options.texts:
        for text in ordinary_texts(options.texts):
            clean.setdefault(f"others' {text.kind}s", []).append(text.text)
    held_apart(texts, options.misses)
    other_ways(lines, random, options.misses)
    without_names(random)
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
