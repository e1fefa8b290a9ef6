"""Parts of a text that are another text in an encoding for transport: base64, hexadecimal, base32.

What it does: yields what such parts decode to, when that is text. What it does not: unpack archives or images.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Iterator
from functools import cache

from warden.guard.mapping import Derived, region
from warden.guard.outline import long_runs, matches_in_runs, outline_of

_BASE64 = r"[A-Za-z0-9+/_-]{16,}(?:\r?\n[ \t>]{0,8}[A-Za-z0-9+/_-]{4,})*={0,2}"
_HEX = (
    r"(?<![0-9A-Fa-f])[0-9A-Fa-f]{16,}|(?<![0-9A-Za-z])(?:(?:0x|\\x)?[0-9A-Fa-f]{2}(?:[:_-]|,? ?)(?![0-9A-Fa-f]{3}))"
    r"{8,}"
)
# Four letters for three bytes from 0x20 to 0x7F: what the two highest bits of each leave possible, five times running.
_ASCII_TRACE = r"(?:[I-Za-f][C-HS-Xi-nyz0-3][ABEFIJMNQRUVYZcdghklopstwx014589][A-Za-z0-9+/_-]){5}"
_BASE32 = r"[A-Z2-7]{16,}={0,6}"
LEAST_RUN = 16
_BASE32_MEMBERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
_BASE64_MEMBERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/_-"
_HEX_MEMBERS = "0123456789abcdefABCDEFx\\:_-, "  # all that either kind of hexadecimal run may hold
_FILLING = b"\r\n \t>"
_URL_SAFE = bytes.maketrans(b"-_", b"+/")


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern)


def decoded_bytes(text: str) -> Iterator[tuple[str, int, int, bytes]]:
    """Yield (form, start, end, bytes) for each part of `text` that decodes, at each alignment that base64 may have."""
    outline = outline_of(text)
    for match in _base64_runs(text, outline):
        found = match.group()
        if _is_no_base64(found):
            continue
        for offset in range(4):
            data = _from_base64(found[offset:])
            if data:
                yield "base64", match.start(), match.end(), data
    yield from _other_bytes(text, outline)


def _base64_runs(text: str, outline: bytes) -> Iterator[re.Match[str]]:
    return matches_in_runs(_compiled(_BASE64), text, outline, _BASE64_MEMBERS, LEAST_RUN)


def _other_bytes(text: str, outline: bytes) -> Iterator[tuple[str, int, int, bytes]]:
    for start, end in long_runs(outline, _HEX_MEMBERS, LEAST_RUN):
        for match in _compiled(_HEX).finditer(text, start, end):
            data = _from_hex(match.group())
            if data:
                yield "hex", match.start(), match.end(), data
    for match in matches_in_runs(_compiled(_BASE32), text, outline, _BASE32_MEMBERS, LEAST_RUN):
        data = _from_base32(match.group())
        if data:
            yield "base32", match.start(), match.end(), data


def text_regions(text: str) -> Iterator[Derived]:
    """Yield the parts of `text` that decode to text, decoded.

    ASCII leaves a trace in base64 (`_ASCII_TRACE`), so runs of letters that are something else are passed over.
    """
    outline = outline_of(text)
    for match in _base64_runs(text, outline):
        found = match.group()
        if not _is_no_base64(found):
            for plain in _plain_texts(_unbroken(found) if "\n" in found else found):
                yield region("base64", plain, match.start(), match.end())
    for form, start, end, data in _other_bytes(text, outline):
        plain = as_text(data)
        if plain:
            yield region(form, plain, start, end)


def _plain_texts(found: str) -> Iterator[str]:
    """Yield what a run of base64 letters decodes to at each alignment at which that is text."""
    trace = _compiled(_ASCII_TRACE).search(found)
    if trace is not None:
        for offset in range(4):
            head = _from_base64(found[trace.start() + offset : trace.end()])
            plain = as_text(_from_base64(found[(trace.start() + offset) % 4 :])) if _is_readable(head) else ""
            if plain:
                yield plain
    elif _is_wide(_from_base64(found[:HEAD])):
        plain = as_text(_from_base64(found))
        if plain:
            yield plain


def leaves_ascii_trace(found: str) -> bool:
    """Return whether a run of base64 letters has the trace that ASCII text leaves in it, if only that of a word."""
    return _compiled(_ASCII_TRACE.replace("{5}", "{4}")).search(found) is not None


def _is_no_base64(found: str) -> bool:
    return found.isalpha() and (found.islower() or found.isupper())


def _is_readable(data: bytes) -> bool:
    """Return whether three in four bytes are printable ASCII."""
    return len(data.translate(None, _PRINTABLE)) * 4 <= len(data)


def _is_wide(data: bytes) -> bool:
    """Return whether `data` may be text beyond ASCII: UTF-16 of ASCII, or bytes that begin like UTF-8."""
    if not any(data[1::2]):
        return True
    try:
        data[:-3].decode("utf-8")
    except UnicodeDecodeError as error:
        return error.end >= len(data) - 3
    return True


def as_text(data: bytes) -> str:
    """Return `data` as text, or an empty string when it is none: 8 bytes or more, three in four of them printable."""
    if len(data) < 8:
        return ""
    if _is_readable(data[:256]):
        return data.decode("utf-8", "replace")
    for codec in ("utf-8",) if any(data[1:128:2]) else ("utf-16-le", "utf-8"):
        try:
            plain = data.decode(codec)
        except UnicodeDecodeError:
            continue
        controls = sum(char < " " and char not in "\t\r\n" for char in plain)
        if (codec == "utf-8" or plain[:64].isascii()) and controls <= len(plain) // 16:
            return plain
    return ""


HEAD = 32
_PRINTABLE = bytes(range(32, 127)) + b"\t\r\n"


def _unbroken(found: str) -> str:
    """Return a run of letters without what breaks it into lines."""
    return found.encode("ascii").translate(None, _FILLING).decode("ascii")


def _from_base64(found: str) -> bytes:
    body = found.encode("ascii").translate(_URL_SAFE, _FILLING).rstrip(b"=")
    body = body[: len(body) - 1] if len(body) % 4 == 1 else body
    try:
        return binascii.a2b_base64(body + b"=" * (-len(body) % 4))
    except binascii.Error:
        return b""


def _from_hex(found: str) -> bytes:
    is_plain = found.isalnum() and "x" not in found
    digits = found if is_plain else _compiled(r"(?i)0x|\\x|[^0-9a-f]").sub("", found)
    return bytes.fromhex(digits[: len(digits) // 2 * 2])


def _from_base32(found: str) -> bytes:
    from base64 import b32decode

    body = found.rstrip("=")
    if len(body) % 8 in (1, 3, 6):
        body = body[:-1]
    if len(body) % 8 in (1, 3, 6):
        return b""
    try:
        return b32decode(body + "=" * (-len(body) % 8))
    except binascii.Error:
        return b""
