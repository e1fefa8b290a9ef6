"""The scanner of the core: formats, structures, generic detection and known values, over all forms of a text.

What it does: implements the `Scanner` port. What it does not: raise, wait, or read anything but the text.

A text is cut into overlapping windows. Each window is looked at as it is and in each form that differs from it, and
each form again in its forms, to `MOST_DEPTH`; all forms of a window together may hold `MOST_GROWTH` times its
characters. A window that goes beyond either bound is a finding: what cannot be looked at counts as a secret.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import cached_property

from warden.guard.assignment import Verdicts, find_assigned
from warden.guard.formats import Runs, Turn, all_rules, find_split, find_structures, find_tokens, runs_of
from warden.guard.forms import gaps, prefix_forms, squeezed, text_forms
from warden.guard.known import Judged, KnownSecrets
from warden.guard.mapping import Derived, unmirror
from warden.guard.prose import find_in_prose
from warden.guard.redaction import UNSCANNABLE
from warden.guard.regions import decoded_bytes, text_regions
from warden.model.finding import Finding

VERSION = 1
WINDOW = 65_536
OVERLAP = 8_192
MOST_CHARACTERS = 16 * 1024 * 1024
MOST_DEPTH = 5
MOST_GROWTH = 24
LEAST_BUDGET = 65_536
REMEMBERED = 256  # texts of either generation
MOST_REMEMBERED = 8_192
KIND_KNOWN = "known_secret"
RULE_KNOWN = "known-secret"
RULE_BOUND = "bound-exceeded"
RULE_ERROR = "guard-error"
JOINT = b"\x00" * 8  # as wide as a mark's window: looking at many parts at once must not join them

ToOriginal = Callable[[int, int], tuple[int, int]]


class GuardScanner:
    """The core's scanner. Safe to use from several threads.

    What was found in recent short texts is remembered under the digest of the text (subjects, footers and quoted mail
    come again and again); no text is kept.

    `known` adds enrolled values. `providers` limits the format rules to some providers: a measuring device for rules
    that must not have seen what they are measured on.
    """

    def __init__(self, known: KnownSecrets | None = None, providers: frozenset[str] | None = None) -> None:
        self._known = known if known is not None and len(known) else None
        self._providers = providers
        self._recent = _Recent()

    @cached_property
    def digest(self) -> str:
        """Digest of the rules, their version and the enrolled values."""
        import hashlib

        parts = [str(VERSION), *map(repr, all_rules()), self._known.digest if self._known else ""]
        return "sha256:" + hashlib.sha256("\n".join(parts).encode()).hexdigest()

    def scan(self, text: str) -> tuple[Finding, ...]:
        """Return all findings in `text`, by start; never raises."""
        # INVARIANT (no-secret): an error or an exceeded bound while looking counts as having found something.
        try:
            if len(text) > MOST_CHARACTERS:
                return (Finding(UNSCANNABLE, 0, len(text), RULE_BOUND),)
            if len(text) > MOST_REMEMBERED:
                return self._scan(text)
            found = self._recent.recall(text)
            return self._recent.keep(text, self._scan(text)) if found is None else found
        except Exception:  # noqa: BLE001 - fail closed whatever went wrong
            return (Finding(UNSCANNABLE, 0, len(text), RULE_ERROR),)

    def _scan(self, text: str) -> tuple[Finding, ...]:
        found: dict[tuple[int, int], Finding] = {}
        for start in range(0, max(1, len(text) - OVERLAP), WINDOW - OVERLAP):
            window = text[start : start + WINDOW]
            for item in _Look(self._known, self._providers, len(window)).all_findings(window):
                moved = Finding(item.kind, item.start + start, item.end + start, item.rule_id, item.form)
                found.setdefault((moved.start, moved.end), moved)
        return tuple(sorted(found.values(), key=lambda f: (f.start, -f.end)))


class _Recent:
    """What was found in the last texts. Two dictionaries take turns: each step is atomic, so threads need no lock."""

    def __init__(self) -> None:
        self._young: dict[bytes, tuple[Finding, ...]] = {}
        self._old: dict[bytes, tuple[Finding, ...]] = {}

    def recall(self, text: str) -> tuple[Finding, ...] | None:
        """Return what was found in `text`, or None when that is not known."""
        key = _digest_of(text)
        found = self._young.get(key)
        return self._old.get(key) if found is None else found

    def keep(self, text: str, found: tuple[Finding, ...]) -> tuple[Finding, ...]:
        """Remember and return `found`."""
        if len(self._young) >= REMEMBERED:
            self._old, self._young = self._young, {}
        self._young[_digest_of(text)] = found
        return found


def _digest_of(text: str) -> bytes:
    from hashlib import blake2b

    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=32).digest()


class _Look:
    """One look at one window: what was looked at already, and how much more may be."""

    def __init__(self, known: KnownSecrets | None, providers: frozenset[str] | None, size: int) -> None:
        self._known = known
        self._providers = providers
        self._size = size
        self._left = max(LEAST_BUDGET, size * MOST_GROWTH)
        self._seen: set[str] = set()
        self._judged: Judged = {}
        self._verdicts: Verdicts = {}

    def all_findings(self, text: str) -> Iterator[Finding]:
        yield from self._walk(text, "plain", 0, lambda start, end: (start, end))

    def _walk(self, text: str, form: str, depth: int, place: ToOriginal) -> Iterator[Finding]:
        """Yield the findings of `text` and of all its forms; several forms at once are undone together."""
        if text in self._seen:
            return
        if not self._may_look(text) or depth > MOST_DEPTH:
            yield Finding(UNSCANNABLE, *place(0, len(text)), RULE_BOUND, form)
            return
        yield from self._look(text, form, depth, place)
        singles, chain = text_forms(text)
        for derived in singles if len(singles) > 1 else ():
            yield from self._look_first_at(derived, form, depth, place)
        for derived in chain:
            form, place = _joined(form, derived), _onward(derived, place)
        if chain:
            yield from self._walk(chain[-1].text, form, depth + 1, place)

    def _look_first_at(self, derived: Derived, form: str, depth: int, place: ToOriginal) -> Iterator[Finding]:
        """Yield the findings of one form of several, undone before the others, and of what the others make of it then.

        The order matters when one encoding stands inside another; mostly it does not, and nothing new is looked at.
        """
        chain = (derived, *text_forms(derived.text)[1])
        for step in chain:
            form, place = _joined(form, step), _onward(step, place)
            is_end = step is chain[-1]
            if (step is derived or is_end) and step.text not in self._seen and self._may_look(step.text):
                yield from self._look(step.text, form, depth + (step is not derived), place)

    def _may_look(self, text: str) -> bool:
        self._seen.add(text)
        self._left -= len(text)
        return self._left >= 0

    def _look(self, text: str, form: str, depth: int, place: ToOriginal) -> Iterator[Finding]:
        runs = runs_of(text)
        yield from self._placed(self._direct(text, runs), form, place)
        yield from self._placed(self._mirrored(text, runs), "reversed", place)
        yield from self._placed(self._rotated(text, runs), "rot13", place)
        for derived in prefix_forms(text):
            known = self._known_in(derived.text) if derived.form == "quoted-printable" else ()
            yield from self._placed(
                (*self._tokens_in(derived.text), *known), _joined(form, derived), _onward(derived, place)
            )
        if self._known:
            yield from self._placed(self._known_in_regions(text), form, place)
        for derived in text_regions(text):
            yield from self._walk(derived.text, _joined(form, derived), depth + 1, _onward(derived, place))

    def _tokens_in(self, text: str) -> Iterator[Finding]:
        return find_tokens(text, runs_of(text), self._providers)

    def _direct(self, text: str, runs: Runs) -> Iterator[Finding]:
        yield from find_tokens(text, runs, self._providers)
        yield from find_structures(text, self._providers)
        yield from find_split(text, gaps())
        yield from find_assigned(text, self._verdicts)
        yield from find_in_prose(text)
        tight = squeezed(text) if self._known else None
        yield from self._known_in(text)
        if tight is not None:
            for item in self._known_in(tight.text):
                yield Finding(item.kind, *tight.to_original(item.start, item.end), item.rule_id, tight.form)

    def _mirrored(self, text: str, runs: Runs) -> Iterator[Finding]:
        tokens = find_tokens(text, runs, self._providers, Turn.REVERSED)
        known = self._known_in(text[::-1]) if self._known else ()
        for item in (*tokens, *known):
            yield Finding(item.kind, *unmirror(len(text), item.start, item.end), item.rule_id, "reversed")

    def _rotated(self, text: str, runs: Runs) -> Iterator[Finding]:
        yield from find_tokens(text, runs, self._providers, Turn.ROT13)
        if self._known:
            yield from self._known_in(Turn.ROT13.of(text))

    def _known_in(self, text: str) -> Iterator[Finding]:
        if self._known is None:
            return
        data = text.encode("utf-8", "surrogatepass")
        for start, end in self._known.find(data, self._judged):
            first, last = _characters(data[:start]), _characters(data[:end])
            yield Finding(KIND_KNOWN, first, last, RULE_KNOWN)

    def _known_in_regions(self, text: str) -> Iterator[Finding]:
        if self._known is None:
            return
        parts = list(decoded_bytes(text))
        joined = JOINT.join(data for *_, data in parts)
        if next(self._known.find(joined, self._judged), None) is None:
            return
        for form, start, end, data in parts:
            if next(self._known.find(data, self._judged), None):
                yield Finding(KIND_KNOWN, start, end, RULE_KNOWN, form)

    def _placed(self, findings: Iterable[Finding], form: str, place: ToOriginal) -> Iterator[Finding]:
        for item in findings:
            start, end = place(item.start, item.end)
            name = item.form if form == "plain" and item.form != "plain" else form
            yield Finding(item.kind, max(0, start), min(self._size, end), item.rule_id, name)


def _characters(data: bytes) -> int:
    """Return how many characters UTF-8 `data` holds, a cut one at its end included: each has one byte " "that begins it."""
    return len(data) - sum(0x80 <= byte < 0xC0 for byte in data) if not data.isascii() else len(data)


def _joined(form: str, derived: Derived) -> str:
    return derived.form if form == "plain" else f"{form}+{derived.form}"


def _onward(derived: Derived, place: ToOriginal) -> ToOriginal:
    return lambda start, end: place(*derived.to_original(start, end))
