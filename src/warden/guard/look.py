"""One look at one window: as it is, in each form that differs from it, and each form again in its forms, to `MOST_DEPTH`.

What it does: undoes forms and encodings, hands each text to the finders and places what they find in the window. What it
does not: cut windows, remember texts, or catch errors (`scanner`).

All forms of a window together may hold `MOST_GROWTH` times its characters. What goes beyond either bound is a finding:
what cannot be looked at counts as a secret.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from typing import TYPE_CHECKING, NamedTuple

from warden.guard.assignment import Judgement, find_assigned
from warden.guard.formats import Runs, Turn, find_split, find_structures, find_tokens, runs_of
from warden.guard.forms import gaps, prefix_forms, squeezed, text_forms
from warden.guard.mapping import Derived, Span, parts_round, unmirror
from warden.guard.prose import find_in_prose
from warden.guard.redaction import UNSCANNABLE
from warden.guard.regions import decoded_bytes, text_regions
from warden.model.finding import Finding

if TYPE_CHECKING:
    from warden.guard.known import Judged, KnownSecrets

OVERLAP = 8_192
REACH = 1_024  # how far round a change a form is looked at again
MARGIN = 384  # how much of that only says what stands round a value
MOST_DEPTH = 5
MOST_GROWTH = 24
LEAST_BUDGET = 65_536
KIND_KNOWN = "known_secret"
RULE_KNOWN = "known-secret"
RULE_BOUND = "bound-exceeded"
JOINT = b"\x00" * 8  # as wide as a mark's window: looking at many parts at once must not join them

ToOriginal = Callable[[int, int], tuple[int, int]]


class _Way(NamedTuple):
    """How one came to a text: through which forms, how deep, and where its parts stand in the window.

    `changes` are the places where the text differs from one that was looked at before; None when there was none like it.
    """

    form: str
    depth: int
    place: ToOriginal
    changes: Callable[[], list[Span]] | None = None

    def onward(self, derived: Derived) -> _Way:
        """Return the way to a form of this text."""
        place = self.place
        form = derived.form if self.form == "plain" else f"{self.form}+{derived.form}"
        earlier = self.changes
        return self._replace(
            form=form,
            place=lambda start, end: place(*derived.to_original(start, end)),
            changes=None if earlier is None else lambda: derived.changes(earlier()),
        )

    def moved(self, offset: int) -> _Way:
        """Return the way to the part of this text that begins at `offset`."""
        place = self.place
        return self._replace(place=lambda start, end: place(start + offset, end + offset))

    def deeper(self) -> _Way:
        """Return this way, one deeper."""
        return self._replace(depth=self.depth + 1)

    def afresh(self) -> _Way:
        """Return this way to a text unlike any before it."""
        return self._replace(changes=None)

    def looked_at(self) -> _Way:
        """Return this way to a text that was looked at: its forms differ from it where they were changed."""
        return self._replace(changes=list)

    def named(self, form: str) -> _Way:
        """Return this way under the name of one form."""
        return self._replace(form=form)


class Look:
    """One look at one window: what was looked at already, and how much more may be."""

    def __init__(self, known: KnownSecrets | None, providers: frozenset[str] | None, size: int) -> None:
        self._known = known
        self._providers = providers
        self._size = size
        self._left = max(LEAST_BUDGET, size * MOST_GROWTH)
        self._seen: set[str] = set()
        self._judged: Judged = {}
        self._judgement = Judgement()
        self._decoded: dict[str, list[Finding]] = {}

    def all_findings(self, text: str) -> Iterator[Finding]:
        """Yield the findings of the whole window, some of them more than once."""
        yield from self._walk(text, _Way("plain", 0, lambda start, end: (start, end)))

    def _walk(self, text: str, way: _Way) -> Iterator[Finding]:
        """Yield the findings of `text` and of all its forms; several forms at once are undone together."""
        if text in self._seen:
            return
        if not self._may_look(text) or way.depth > MOST_DEPTH:
            yield Finding(UNSCANNABLE, *way.place(0, len(text)), RULE_BOUND, way.form)
            return
        yield from self._look(text, way)
        way = way.looked_at()
        singles, steps = text_forms(text)
        for derived in singles if len(singles) > 1 else ():
            yield from self._look_first_at(derived, way)
        for derived in steps:
            way = way.onward(derived)
        if steps:
            yield from self._walk(steps[-1].text, way.deeper())

    def _look_first_at(self, derived: Derived, way: _Way) -> Iterator[Finding]:
        """Yield the findings of one form of several, undone before the others, and of what the others make of it then.

        The order matters when one encoding stands inside another; mostly it does not, and nothing new is looked at.
        """
        steps = (derived, *text_forms(derived.text)[1])
        for step in steps:
            way = way.onward(step)
            is_end = step is steps[-1]
            if (step is derived or is_end) and step.text not in self._seen and self._may_look(step.text):
                yield from self._look(step.text, way if step is derived else way.deeper())
            if step is derived:
                way = way.looked_at()

    def _may_look(self, text: str) -> bool:
        self._seen.add(text)
        self._left -= len(text)
        return self._left >= 0

    def _look(self, text: str, way: _Way) -> Iterator[Finding]:
        """Yield the findings of `text`; of a form of a text that was looked at before, those near what is different.

        A finding that is cut at the end of what is near is looked at in the whole text. Enrolled values, which may be long,
        are always looked for in the whole.
        """
        if self._known is not None:
            yield from self._look_for_known(text, way.afresh())
        parts = [(0, len(text))] if way.changes is None else parts_round(text, way.changes, REACH)
        near = [self._look_near(text, low, high, way) for low, high in parts]
        yield from self._look_at(text, way, text) if None in near else chain.from_iterable(filter(None, near))

    def _look_near(self, text: str, low: int, high: int, way: _Way) -> list[Finding] | None:
        """Return the findings of a part of `text` but those in its margins; None when one is cut."""
        before, first = way.place(low, low + MARGIN) if low else (-1, 0)
        last, after = way.place(high - MARGIN, high) if high < len(text) else (self._size, self._size + 1)
        found = list(self._look_at(text[low:high], way.moved(low), text))
        if any(item.start <= before or item.end >= after for item in found):
            return None
        return [item for item in found if item.end > first and item.start < last]

    def _look_at(self, text: str, way: _Way, whole: str) -> Iterator[Finding]:
        """Yield the findings of `text`, which is `whole` or a part of it."""
        runs = runs_of(text)
        way = way.afresh()
        yield from self._placed(self._direct(text, runs, whole), way)
        yield from self._placed(self._mirrored(text, runs), way.named("reversed"))
        rotated = find_tokens(text, runs, self._providers, Turn.ROT13)
        yield from self._placed(rotated, way.named("rot13"))
        for derived in prefix_forms(text):
            yield from self._look_at_joints(derived, way.onward(derived))
        for derived in text_regions(text):
            yield from self._look_into(derived, way.onward(derived).deeper())

    def _look_into(self, derived: Derived, way: _Way) -> Iterator[Finding]:
        """Yield the findings of a decoded part; the same part in another place holds the same once more."""
        found = self._decoded.get(derived.text)
        if found is None:
            found = self._decoded[derived.text] = list(self._walk(derived.text, way))
        start, end = way.place(0, len(derived.text))
        is_new = not any(item.start < end and start < item.end for item in found)
        yield from (Finding(item.kind, start, end, item.rule_id, item.form) if is_new else item for item in found)

    def _look_at_joints(self, derived: Derived, way: _Way) -> Iterator[Finding]:
        """Yield what is found where a form in which words run together differs from the text."""
        for low, high in parts_round(derived.text, derived.changes, REACH):
            part = derived.text[low:high]
            yield from self._placed(find_tokens(part, runs_of(part), self._providers), way.moved(low))

    def _direct(self, text: str, runs: Runs, whole: str) -> Iterator[Finding]:
        yield from find_tokens(text, runs, self._providers)
        yield from find_structures(text, self._providers)
        yield from find_split(text, gaps())
        yield from find_assigned(text, self._judgement, whole)
        yield from find_in_prose(text)

    def _mirrored(self, text: str, runs: Runs) -> Iterator[Finding]:
        for item in find_tokens(text, runs, self._providers, Turn.REVERSED):
            yield Finding(item.kind, *unmirror(len(text), item.start, item.end), item.rule_id, "reversed")

    def _look_for_known(self, text: str, way: _Way) -> Iterator[Finding]:
        """Yield the enrolled values in `text`, also in the forms in which words run together."""
        yield from self._placed(self._known_in(text), way)
        mirrored = (unmirror(len(text), item.start, item.end) for item in self._known_in(text[::-1]))
        yield from self._placed((Finding(KIND_KNOWN, *span, RULE_KNOWN) for span in mirrored), way.named("reversed"))
        yield from self._placed(self._known_in(Turn.ROT13.of(text)), way.named("rot13"))
        for derived in (squeezed(text), *prefix_forms(text)):
            if derived is not None and derived.form in ("split", "quoted-printable"):
                yield from self._placed(self._known_in(derived.text), way.onward(derived))
        yield from self._placed(self._known_in_regions(text), way)

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

    def _placed(self, findings: Iterable[Finding], way: _Way) -> Iterator[Finding]:
        for item in findings:
            start, end = way.place(item.start, item.end)
            name = item.form if way.form == "plain" and item.form != "plain" else way.form
            yield Finding(item.kind, max(0, start), min(self._size, end), item.rule_id, name)


def _characters(data: bytes) -> int:
    """Return how many characters UTF-8 `data` holds, a cut one at its end included: each has one byte " "that begins it."""
    return len(data) - sum(0x80 <= byte < 0xC0 for byte in data) if not data.isascii() else len(data)
