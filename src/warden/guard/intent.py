"""What a message is after: facts for the kernel and for a brain, found by our own rules in what the sender wrote.

`read_facts` tells whether a secret's value is asked for, whether a production change or an irreversible act is asked
for, whether the worker is being instructed, and whether the mail is automatic or our own. Asking *where to obtain* or *who
owns* a credential or a change is routing and none of these: the part of a sentence from its question word on is not read as
a request. Facts only ever restrict, so a doubt is decided towards the fact. Pure: no clock, no file, no state.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from itertools import pairwise

from warden.guard import intent_words as lexicon
from warden.guard.intent_requests import (
    asks_for_change,
    asks_for_information,
    asks_for_it,
    asks_for_secret,
    names_secret,
    wishes_change,
)
from warden.guard.intent_rules import INJECTION_WORDS, find_injection
from warden.guard.intent_text import MAX_READ_CHARS, fold, spaced_out, split_sentences, unmask, without_quotes
from warden.model.message import AUTO_SUBMITTED, HOPS, Message, MessageFacts

_WORD = re.compile(r"[a-z0-9_]+(?:'[a-z]+)?")
_TAG_LETTERS = re.compile("[\U000e0020-\U000e007f]")
_OVERRIDES = re.compile("[\u202d\u202e]")
_INVISIBLE_RUN = re.compile("[\u200b\u2060\u2062-\u2064\ufeff]{4}")
_COMMENT = re.compile(r"<!--\s*\w")

_AUTOMATIC_SUBJECT = re.compile(
    r"^\W*(?:(?:automatic|auto|automated)[ -]?(?:reply|response|answer)|auto:|out of (?:the )?office|"
    r"undeliver(?:able|ed)|"
    r"delivery (?:status notification|failure)|mail delivery|returned mail|failure notice|abwesenheitsnotiz|"
    r"automatische antwort|"
    r"reponse automatique|respuesta automatica|resposta automatica|risposta automatica|automatisch antwoord)"
)
_BULK = frozenset({"bulk", "junk", "auto_reply", "auto-reply"})
_AUTOMATIC_SENDER = re.compile(r"^(?:mailer-daemon|postmaster|no-?reply|do-?not-?reply|noreply)(?:@|$|\+)")

_MAX_SENTENCES = 2000


def _attempts_to_instruct(raw: str, folded: str, words: frozenset[str]) -> bool:
    if not raw.isascii() and (_TAG_LETTERS.search(raw) or _OVERRIDES.search(raw) or _INVISIBLE_RUN.search(raw)):
        return True
    if "<!--" in raw and _COMMENT.search(raw):
        return True
    return spaced_out(folded) or find_injection(folded, words) is not None


def _is_automatic(message: Message, folded_subject: str) -> bool:
    content = message.content
    if content.kind == "auto":
        return True
    named = {name.strip().lower(): value.strip().lower() for name, value in content.metadata.items()}
    marker = named.get(AUTO_SUBMITTED, "no").partition(";")[0].strip()
    if marker != "no" or named.get("precedence", "") in _BULK or "x-autoreply" in named or "x-autorespond" in named:
        return True
    sender = fold(message.sender.name[:200]).strip()
    return _AUTOMATIC_SUBJECT.search(folded_subject) is not None or _AUTOMATIC_SENDER.search(sender) is not None


def _read_hops(message: Message, hop_limit: int) -> int:
    for name, value in message.content.metadata.items():
        if name.strip().lower() == HOPS:
            text = value.strip()
            return min(int(text), hop_limit) if text.isascii() and text.isdigit() and len(text) <= 6 else hop_limit
    return 0


def _sentences(folded: str) -> list[str]:
    return split_sentences(folded)[:_MAX_SENTENCES]


def _wants_secret(sentences: list[str]) -> bool:
    if any(asks_for_secret(sentence) for sentence in sentences):
        return True
    return any(names_secret(first) and asks_for_it(second) for first, second in pairwise(sentences))


def _wants_change(sentences: list[str]) -> bool:
    if any(asks_for_change(sentence) for sentence in sentences):
        return True
    wished = any(wishes_change(sentence) for sentence in sentences)
    return wished and not any(asks_for_information(sentence) for sentence in sentences)


def read_facts(message: Message, self_agent: str, hop_limit: int, secret_kinds: Mapping[str, int]) -> MessageFacts:
    """Return the facts of a message; `secret_kinds` is what the scanner counted in it, and is passed on.

    Subject, body and quoted lines are read, each once; a text over `MAX_READ_CHARS` is read at both ends and counts as an
    attempt to instruct the worker, since the unread part may hold anything. Hops that cannot be read are the limit.
    Automatic mail: RFC 3834 section 5 (`auto-submitted` other than `no`), kind `auto`, and the usual marks of older
    responders. Never raises for any text.
    """
    content = message.content
    raw = f"{content.subject}\n\n{content.body}"
    unread = len(raw) > MAX_READ_CHARS
    if unread:
        raw = raw[: MAX_READ_CHARS // 2] + "\n\n" + raw[-MAX_READ_CHARS // 2 :]
    folded = unmask(fold(raw), lexicon.GIVE | lexicon.SECRET | lexicon.CHANGE | INJECTION_WORDS)
    words = frozenset(_WORD.findall(folded))
    secret = change = False
    if not words.isdisjoint(lexicon.SECRET) or not words.isdisjoint(lexicon.SECRET_PARTS) or "$" in folded:
        secret = _wants_secret(_sentences(folded))
    if not words.isdisjoint(lexicon.CHANGE_TRIGGERS):
        own = without_quotes(folded)
        change = _wants_change(_sentences(own if own.strip() else folded))
    return MessageFacts(
        secret_kinds=dict(secret_kinds),
        asks_for_secret=secret,
        asks_for_change=change,
        # INVARIANT (fail-closed): what nobody read may hold anything.
        instructs_worker=unread or _attempts_to_instruct(raw, folded, words),
        automatic=_is_automatic(message, fold(content.subject[:200])),
        from_self=fold(message.sender.name).strip() == fold(self_agent).strip(),
        hops=_read_hops(message, hop_limit),
    )
