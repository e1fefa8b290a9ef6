"""Looks at the words that a model would have sent to the sender, and says why they may not leave.

A reply is plain text: no address outside the allowed hosts in any spelling, no image, no markup, no character that a reader
does not see or sees as another, no word of the prompt. The checks prefer to refuse: a refused draft costs a person a look, a
link that slipped through costs a sender's trust. Text that looks like an address counts as one, whoever wrote it first.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from warden.brains.llm.echoes import repeats, shingles
from warden.model.catalog import CatalogEntry

MAX_WORD_CHARS: Final = 80
"""A longer run without a space is no word of any language, and may carry anything encoded."""

_INVISIBLE: Final = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\uffa0\ufe00-\ufe0d\U000e0100-\U000e01ef]"
)
_UNSENT: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
_IMAGE = re.compile(r"!\[")
_HTML = re.compile(r"<(?:[!?]|/?[a-zA-Z])|&(?:#\w{1,8}|[a-zA-Z]{2,31});")
_DEFANGED = re.compile(r"\s?(?:\[\s?(?:\.|dot)\s?\]|\(\s?(?:\.|dot)\s?\)|\{\s?(?:\.|dot)\s?\})\s?", re.IGNORECASE)
_FULL_STOP = re.compile("\u3002(?=[a-zA-Z])")
"""The ideographic full stop parts the labels of a domain as well; between letters of Chinese or Japanese it ends a sentence."""

_URL = re.compile(r"https://([^\s/?#<>\"'()\[\]{}|\\^`,;!]+)[^\s<>\"'()\[\]{}|\\^`]*", re.IGNORECASE)
_SCHEME = re.compile(
    r"\b[a-z][a-z0-9+.-]{0,30}\s?:\s?//|"
    r"\b(?:javascript|vbscript|data|mailto|tel|sms|smsto|file|blob|about|magnet|xmpp|sips?|callto|skype|facetime|geo|"
    r"whatsapp|tg|slack|msteams|vscode|ms-[a-z-]{1,20}|intent|market|itms-[a-z]{1,20}|view-source|cid|urn|bitcoin|ethereum)\s?:\s?\S",
    re.IGNORECASE,
)
_NETWORK_PATH = re.compile(r"(?<![:\w])//\s?[\w\[]|\\\\[\w.]")
_REFERENCE = re.compile(r"\](?:\(|:)")
_AT = re.compile(r"[^\s(\[,;:]@\S")
_MENTION = re.compile(r"(?<![^\s(\[,;:])@\w")
_NAME = re.compile(r"(?<![\w-])(?:[\w\u0080-\U0010ffff-]{1,63}\.){1,10}([^\W\d_]{2,63}|xn--[\w-]{1,59})(?![^\W_])")
_NUMBERS = re.compile(r"(?<![\w.])(?:\d{1,3}\.){3}\d{1,3}(?![\w.]*\w)|\b0x[0-9a-f]{8}\b", re.IGNORECASE)
_PORT = re.compile(r"(?<![\w.])[a-z][\w.-]{0,80}:\d{2,5}/", re.IGNORECASE)
_LOCAL = re.compile(r"(?<![\w./-])www\d?\.", re.IGNORECASE)
_FILES: Final = frozenset(
    re.findall(
        r"\w+",
        """toml yaml yml json jsonl txt cfg conf ini log csv tsv pem crt csr key lock service timer socket mount sql xml html
        htm css js jsx tsx env exe dll jar tar gz tgz xz deb rpm whl pyc cpp hpp db sqlite bak tmp patch diff pdf doc docx xls
        xlsx ppt pptx png jpg jpeg gif svg wav""",
    )
)
"""Endings of file names that no domain has: `config.toml` is no address. `.sh`, `.md`, `.py` and `.zip` are domains too."""

_MARK = re.compile(r"\[(?:redacted|withheld):", re.IGNORECASE)
_COPIED = re.compile(r"[^\W\d_][,.;:!?]?\^[^\W\d_]")
"""Words joined by the data mark: copied out of what others wrote."""


@dataclass(frozen=True, slots=True)
class Fence:
    """What a reply may link to, what it may not repeat, and how long it may be.

    `links` are whole links that may stand in a reply as they are, `hosts` are those that any https link may lead to,
    `phrases` are `shingles` of the prompt.
    """

    links: tuple[str, ...]
    hosts: frozenset[str]
    phrases: frozenset[tuple[str, ...]]
    reply_chars: int

    def objection(self, body: str, heard: Iterable[str] = ()) -> str:
        """Return the reason code why `body` may not leave as a reply to whoever wrote the texts `heard`, or an empty string.

        Work is linear in the length of all of them.
        """
        if len(body) > self.reply_chars:
            return "reply-too-long"
        if _MARK.search(body):
            return "reply-withheld"
        if _has_unsent_characters(body):
            return "reply-characters"
        shown = _DEFANGED.sub(".", _FULL_STOP.sub(".", unicodedata.normalize("NFKC", body)))
        if _IMAGE.search(shown):
            return "reply-image"
        rest = self._without_allowed(shown)
        if _HTML.search(rest):
            return "reply-markup"
        if self._leads_elsewhere(rest):
            return "reply-link"
        if _MENTION.search(rest):
            return "reply-mention"
        if any(len(word) > MAX_WORD_CHARS for word in rest.split()):
            return "reply-encoded"
        if _COPIED.search(shown):
            return "reply-echo"
        said = frozenset(shingles(shown))
        if not self.phrases.isdisjoint(said):
            return "reply-prompt"
        return "reply-echo" if repeats(said, heard) else ""

    def _without_allowed(self, text: str) -> str:
        """Return the text with links taken out that may stand in it, whole ones of the catalogue first, longest first."""
        for link in self.links:
            if link in text:
                text = re.sub(rf"(?<![\w.@/:?=&%#-]){re.escape(link)}(?![\w/?#&=%~+@:-]|\.\w)", " ", text)
        return _URL.sub(self._judge_link, text)

    def _judge_link(self, link: re.Match[str]) -> str:
        """Return what remains of a link to be looked at: nothing of one to an allowed host, beside what its query holds."""
        if "@" in link[0] or link[1].rstrip(".").casefold() not in self.hosts:
            return link[0]
        path, _, query = link[0][len("https://") + len(link[1]) :].partition("?")
        return f" {query.replace('=', ' ').replace('&', ' ')} " if "://" not in path and "//" not in path else link[0]

    def _leads_elsewhere(self, text: str) -> bool:
        """Return whether anything in the text could be taken for an address by a reader or by what shows it."""
        if any(pattern.search(text) for pattern in (_SCHEME, _NETWORK_PATH, _REFERENCE, _AT, _NUMBERS, _PORT, _LOCAL)):
            return True
        names = ((name[0].casefold(), name[1].lower()) for name in _NAME.finditer(text))
        return any(name not in self.hosts and ending not in _FILES for name, ending in names)


def _has_unsent_characters(text: str) -> bool:
    if text.isascii() and text.replace("\n", "").replace("\t", "").isprintable():
        return False
    if _INVISIBLE.search(text):
        return True
    marks = 0
    for character in text:
        category = unicodedata.category(character)
        if category in _UNSENT and character not in "\n\t":
            return True
        marks = marks + 1 if category == "Mn" else 0
        if marks > 3:
            return True
    return False


def build_fence(
    entries: Iterable[CatalogEntry], hosts: Sequence[str], prompt_texts: Iterable[str], reply_chars: int
) -> Fence:
    """Return the fence for a catalogue: its own links may be repeated, and any page of the hosts that it links to."""
    links: set[str] = set()
    allowed = {host.rstrip(".").casefold() for host in hosts}
    for entry in entries:
        for text in (entry.answer, *entry.links):
            for found in _URL.finditer(text):
                links.add(found[0].rstrip(".,:;!?"))
                allowed.add(found[1].rstrip(".").casefold())
            links.update(name[0] for name in _NAME.finditer(text) if name[1].lower() not in _FILES)
        links.update(link for link in entry.links if not link.startswith("https://"))
    phrases = frozenset(phrase for text in prompt_texts for phrase in shingles(text))
    return Fence(tuple(sorted(links, key=lambda link: (-len(link), link))), frozenset(allowed), phrases, reply_chars)
