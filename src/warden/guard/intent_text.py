"""Text as the intent rules read it: folded, without tricks of writing, cut into sentences."""

from __future__ import annotations

import re
import unicodedata

MAX_READ_CHARS = 64 * 1024
"""A message over this is not read whole; `intent.read_facts` then assumes the worst."""

_INVISIBLE = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufe00-\ufe0f"
    "\ufeff\ufff0-\ufffb\U000e0000-\U000e0fff]"
)
_MARKS = re.compile("[\u0300-\u036f]")

# Letters of other scripts that look like Latin ones; NFKC has already folded full-width and styled letters.
_LOOKALIKES = str.maketrans(
    "абвгеёзіїјкмнорстухѕһԁԛԝьѵаАВЕЗІЈКМНОРСТУХЅԌѴαβγδεηικνορτυχωΑΒΕΖΗΙΚΜΝΟΡΤΥΧɑɡıⅼǀ",
    "abbreezlijkmhopctyxshdqwbvaABE3IJKMHOPCTYXSGVabydenikvoptuxwABEZHIKMNOPTYXagill",
)
_LEET = str.maketrans("013457@$", "oieastas")
_LEET_WORD = re.compile(r"(?<![\w@$])(?=[a-z0-9@$]*[a-z])(?=[a-z0-9@$]*[013457@$])[a-z0-9@$]{4,24}(?![\w@$])")
_BROKEN_WORD = re.compile(r"(?<![a-z0-9])(?:[a-z][.\-_*|]){3,}[a-z](?![a-z0-9])")
_SPACED_WORDS = re.compile(r"(?<![a-z0-9])(?:[a-z]\s{1,3}){7,}[a-z](?![a-z0-9])")
_SENTENCE_END = re.compile(r"[.!?;]+(?=[\s\"')\]]|$)|\n\s*\n|\n(?=\s*(?:[-*•>]|\d{1,2}[.)])\s)|:\s*\n")
_QUOTE_LINE = re.compile(r"^[ \t]*(?:>|\|).*$", re.MULTILINE)


def fold(text: str) -> str:
    """Return `text` in lower case with compatibility forms, accents, look-alike letters and invisible characters folded."""
    if not text.isascii():
        text = unicodedata.normalize("NFKC", _INVISIBLE.sub("", text)).translate(_LOOKALIKES)
        text = _MARKS.sub("", unicodedata.normalize("NFKD", text)).casefold()
        text = text.translate(_QUOTES)
        return _INVISIBLE.sub("", text)
    return text.lower()


_QUOTES = str.maketrans({"’": "'", "‘": "'", "ʼ": "'", "“": '"', "”": '"', "–": "-", "—": "-", "…": "."})


def unmask(folded: str, words: frozenset[str]) -> str:
    """Return folded text with leetspeak and dotted-out words restored where that gives one of `words`."""

    def restore(match: re.Match[str]) -> str:
        plain = match[0].translate(_LEET)
        return plain if plain in words else match[0]

    def join(match: re.Match[str]) -> str:
        plain = re.sub(r"[^a-z]", "", match[0])
        return plain if plain in words else match[0]

    return _BROKEN_WORD.sub(join, _LEET_WORD.sub(restore, folded))


def spaced_out(folded: str) -> bool:
    """Return whether a stretch of text is written letter by letter, as no honest writer does."""
    return _SPACED_WORDS.search(folded) is not None


def without_quotes(text: str) -> str:
    """Return `text` without lines that quote somebody else."""
    return _QUOTE_LINE.sub("", text)


def split_sentences(folded: str) -> list[str]:
    """Return the sentences of folded text, each on one line with single spaces, without list markers."""
    found = []
    start = 0
    for match in _SENTENCE_END.finditer(folded):
        end = match.end() if "?" in match[0] else match.start()
        found.append(folded[start:end])
        start = match.end()
    found.append(folded[start:])
    sentences = (" ".join(part.replace(">", " ").split()).strip(" -*•\"'`_#()[]") for part in found)
    return [sentence for sentence in sentences if sentence]
