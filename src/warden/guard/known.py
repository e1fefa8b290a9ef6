"""Known secrets: values that must never appear, recognised without being kept.

What it does: makes fingerprints of values and finds those values in bytes. What it does not: keep a value, read or
write files (`warden.store.fingerprints`).

How: each value has a *mark*, a keyed multilinear hash of its first 8 bytes cut to 20 bits, and a *seal*, scrypt of the
whole value under the per-install key. A text's windows of 8 bytes are hashed all at once by one multiplication of big
integers; where a window has the mark of a value, the seal of as many bytes as the value is long decides. The 20 bits
tell little of a value, and by chance one window in a million per value asks for a seal, which is slow on purpose. So a
fingerprint also tells of which classes of character its value is made (`classes_of`): what is drawn at random from letters
and digits looks like all others of its kind, and hardly any run of ordinary text does.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cached_property

from warden.errors import InputError
from warden.guard.shape import entropy
from warden.model.fingerprint import Fingerprint

WINDOW = 8
MARK_BITS = 20
KEY_BYTES = 32
SEAL_BYTES = 16
LEAST_BYTES = 8
LEAST_ENTROPY_BITS = 24.0
MOST_BYTES = 65_536
SEAL_COST = 2**11
_LIMB = 4
_CHUNK = 16_384
_CLASSES = (
    *(b"abcdefghijklmnopqrstuvwxyz", b"ABCDEFGHIJKLMNOPQRSTUVWXYZ", b"0123456789", b" \t\r\n"),
    *(b"!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~", bytes((*range(9), 11, 12, *range(14, 32), *range(127, 256)))),
)
_MARK_MASK = (1 << MARK_BITS) - 1

Judged = dict[tuple[bytes, bytes], bool]
"""Whether a value has a seal, for the values looked at so far; lives as long as one look."""


def refuse_weak(value: bytes) -> None:
    """Raise `InputError` when `value` is too short, too long or too regular to be told from ordinary text."""
    if len(value) < LEAST_BYTES:
        raise InputError(
            f"a value under {LEAST_BYTES} bytes cannot be enrolled", "it would match ordinary text; use a longer secret"
        )
    if len(value) > MOST_BYTES:
        raise InputError(
            f"a value over {MOST_BYTES} bytes cannot be enrolled", "enrol the key inside the file, not the file"
        )
    bits = entropy(value.decode("latin-1")) * len(value)
    if bits < LEAST_ENTROPY_BITS or (value.isdigit() and len(value) < 12):
        raise InputError(
            "a value of such low entropy cannot be enrolled", "it would match ordinary text; use a random secret"
        )


def make_fingerprint(key: bytes, name: str, value: bytes) -> Fingerprint:
    """Return the fingerprint of `value` under `key`; raises `InputError` as `refuse_weak`."""
    refuse_weak(value)
    return Fingerprint(name, len(value), _mark(_weights(key), value[:WINDOW]), _seal(key, value), classes_of(value))


def classes_of(value: bytes) -> int:
    """Return a bit for each class with a byte in `value`: small letters, capitals, digits, blanks, signs, the rest."""
    return sum(
        1 << number for number, members in enumerate(_CLASSES) if len(value.translate(None, members)) < len(value)
    )


def enrolled_forms(value: bytes) -> tuple[bytes, ...]:
    """Return the forms of `value` that need a fingerprint: itself, and itself as it looks when gaps are left out.

    The other encodings are undone in the text that is looked at; leaving out gaps would also change the value.
    """
    from warden.guard.forms import fold_all, squeezed

    text = value.decode("utf-8", "surrogateescape")
    forms = [text, fold_all(text)]
    forms += [tight.text for tight in map(squeezed, forms) if tight is not None]
    made = dict.fromkeys(form.encode("utf-8", "surrogateescape") for form in forms)
    return tuple(form for form in made if form == value or len(form) >= LEAST_BYTES)


class KnownSecrets:
    """Enrolled values, and values that the process holds anyway. Immutable; safe to use from several threads.

    `held` are warden's own credentials: they are in memory because they are used, so they are looked for as they are
    and need no fingerprint. Held values under `LEAST_BYTES` are left out, as they would match ordinary text.
    """

    def __init__(self, key: bytes, fingerprints: Iterable[Fingerprint], held: Iterable[bytes] = ()) -> None:
        self._key = key
        self._weights = _weights(key)
        by_mark: dict[int, list[Fingerprint]] = {}
        for one in fingerprints:
            by_mark.setdefault(one.mark, []).append(one)
        self._by_mark = {mark: tuple(sorted(found, key=lambda f: -f.size)) for mark, found in by_mark.items()}
        self._marks = frozenset(self._by_mark)
        self._held = tuple(sorted({value for value in held if len(value) >= LEAST_BYTES}, key=len, reverse=True))

    def __repr__(self) -> str:
        return f"KnownSecrets({len(self)} values)"

    def __len__(self) -> int:
        return sum(map(len, self._by_mark.values())) + len(self._held)

    @cached_property
    def digest(self) -> str:
        """Digest of the fingerprints: another set of values has another."""
        import hashlib

        told = sorted((f.size, f.mark, f.seal.hex()) for found in self._by_mark.values() for f in found)
        return hashlib.sha256(repr((told, len(self._held))).encode()).hexdigest()

    def find(self, data: bytes, judged: Judged | None = None) -> Iterator[tuple[int, int]]:
        """Yield (start, end) in bytes for each place of `data` that holds one of the values.

        `judged` remembers, between calls for forms of one text, what a seal said: seals are slow on purpose.
        """
        judged = {} if judged is None else judged
        for value in self._held:
            at = data.find(value)
            while at >= 0:
                yield at, at + len(value)
                at = data.find(value, at + len(value))
        skip_to = 0
        for at, mark in self._candidates(data) if self._marks else ():
            size = self._size_at(data, at, mark, judged) if at >= skip_to else 0
            if size:
                yield at, at + size
                skip_to = at + size

    def _size_at(self, data: bytes, at: int, mark: int, judged: Judged) -> int:
        """Return how long the enrolled value at `at` is, or 0 when there is none."""
        for one in self._by_mark[mark]:
            case = (one.seal, data[at : at + one.size])
            if len(case[1]) != one.size or one.classes not in (0, classes_of(case[1])):
                continue
            if case not in judged:
                judged[case] = self._is_sealed(*case)
            if judged[case]:
                return one.size
        return 0

    def _candidates(self, data: bytes) -> Iterator[tuple[int, int]]:
        for begin in range(0, max(0, len(data) - WINDOW + 1), _CHUNK):
            marks = _marks_of(self._weights, data[begin : begin + _CHUNK + WINDOW - 1])
            if self._marks.isdisjoint(marks):
                continue
            for offset, mark in enumerate(marks):
                if mark in self._marks:
                    yield begin + offset, mark

    def _is_sealed(self, seal: bytes, value: bytes) -> bool:
        import hmac

        return hmac.compare_digest(seal, _seal(self._key, value))


def _weights(key: bytes) -> tuple[int, ...]:
    import hashlib

    stream = hashlib.shake_256(b"warden guard mark" + key).digest(WINDOW * 3)
    return tuple(int.from_bytes(stream[3 * i : 3 * i + 3], "big") & _MARK_MASK | 1 for i in range(WINDOW))


def _mark(weights: tuple[int, ...], window: bytes) -> int:
    return sum(w * b for w, b in zip(weights, window, strict=True)) & _MARK_MASK


def _marks_of(weights: tuple[int, ...], data: bytes) -> memoryview:
    """Return the marks of all windows of `data`, in order.

    Bytes become limbs of 32 bits; multiplying by the weights, last first, sums each window's products in one limb
    (8 · 255 · 2^20 < 2^32, so nothing is carried over).
    """
    spread = bytearray(len(data) * _LIMB)
    spread[::_LIMB] = data
    kernel = sum(w << (8 * _LIMB * i) for i, w in enumerate(reversed(weights)))
    limbs = len(data) + WINDOW
    product = int.from_bytes(spread, "little") * kernel
    mask = int.from_bytes(_MARK_MASK.to_bytes(_LIMB, "little") * limbs, "little")
    raw = (product & mask).to_bytes(limbs * _LIMB, "little")
    return memoryview(raw[(WINDOW - 1) * _LIMB : len(data) * _LIMB]).cast("I")


def _seal(key: bytes, value: bytes) -> bytes:
    import hashlib

    return hashlib.scrypt(value, salt=b"warden guard seal" + key, n=SEAL_COST, r=8, p=1, dklen=SEAL_BYTES)
