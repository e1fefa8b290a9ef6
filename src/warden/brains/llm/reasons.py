"""Every reason code of a model-backed brain, and what it says to a person."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

NOT_ASKED: Final[Mapping[str, str]] = {
    "model-unreachable": "the model's server cannot be reached",
    "model-untrusted": "the certificate of the model's server does not hold",
    "model-timeout": "the model did not answer in time",
    "model-broken": "the connection to the model's server broke",
    "model-busy": "the model's server asks to come back later",
    "model-error": "the model's server failed",
    "model-rejected": "the model's server refused the request",
    "model-redirect": "the model's server answered with a redirect, which is not followed",
    "model-garbled": "the model's server answered something that is too large or not of the expected form",
    "model-credential": "the model's server refuses our credential",
    "model-config": "the model's configuration does not hold",
    "model-resting": "the model failed several times and is left alone for a while",
    "model-crowded": "no connection to the model came free in time",
    "context-too-large": "the message is too long for the model",
    "brain-failed": "the brain failed",
}
"""Why no answer came; the message goes to the rules, and what they cannot answer is escalated."""

REFUSED: Final[Mapping[str, str]] = {
    "answer-cut": "the model's answer was cut off",
    "answer-declined": "the model declined to answer",
    "answer-tool": "the model asked for a tool, and has none",
    "answer-canary": "the model's answer gave away what it was told to keep",
    "answer-unreadable": "the model's answer is not one JSON object",
    "answer-ambiguous": "the model gave several answers",
    "answer-repeated-key": "the model's answer says one thing twice",
    "answer-too-deep": "the model's answer is nested too deeply",
    "answer-too-long": "the model's answer is too long",
    "answer-schema": "the model's answer does not have the form that was asked for",
    "answer-kind": "the model wants an action of a kind that it cannot have",
    "answer-field": "the model's answer holds a field that its action does not have",
    "answer-recipient": "the model's answer names a recipient",
    "answer-entry": "the model names a catalogue entry that it was not shown",
    "answer-empty": "the model's reply is empty",
    "answer-inconsistent": "the model's action does not fit what it says that the message asks for",
    "answer-kept": "the kept answer cannot be read",
    "question-unanswered": "the model would close a message that asks something",
    "closing-unsure": "the model would close a message that the rules take neither for thanks nor for a report",
    "question-absent": "the message asks for nothing, and the model would answer it",
    "question-half-answered": "the message asks several things, and the model would answer one",
    "question-ambiguous": "several catalogue entries fit the message alike, and the model would pick one",
    "reply-too-long": "the model's reply is too long",
    "reply-withheld": "the model's reply held a secret or a mark of the prompt",
    "reply-characters": "the model's reply holds characters that a reader does not see or sees as others",
    "reply-image": "the model's reply holds an image",
    "reply-markup": "the model's reply holds markup",
    "reply-link": "the model's reply holds an address outside the allowed hosts",
    "reply-mention": "the model's reply calls on somebody else",
    "reply-encoded": "the model's reply holds a run of characters that is no word",
    "reply-echo": "the model's reply repeats the message",
    "reply-prompt": "the model's reply repeats the charter or the prompt",
}
"""Why an answer is not carried out; the message is escalated."""

DECIDED: Final[Mapping[str, str]] = {
    "model-route": "the model chose a catalogue entry",
    "model-reply": "the model drafted a reply",
    "model-note": "the model takes it for information that asks for nothing",
    "model-read": "the model takes it for a message that asks for nothing",
    "model-unsure": "the model is not sure",
    "model-needs-person": "the model says that a person has to decide",
    "model-not-ours": "the model says that this is not ours to answer",
    "model-suspicious": "the model takes the message for an attack",
}
"""What the model decided."""


def describe(code: str) -> str:
    """Return what a reason code says to a person; a code from elsewhere (a budget) is named as it is."""
    for table in (NOT_ASKED, REFUSED, DECIDED):
        if code in table:
            return table[code]
    return f"the model was not asked: {code}"
