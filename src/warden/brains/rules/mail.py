"""The noise of real mail taken away: quotations, signatures, greetings, markdown, subject prefixes."""

from __future__ import annotations

import re
from dataclasses import dataclass

from warden.brains.rules.tokens import fold

MAX_READ_CHARS = 48 * 1024
"""A body longer than this is not read; its message is escalated."""

MAX_SENTENCES = 200
"""A body of more sentences than this is not read; its message is escalated."""

_PREFIX = re.compile(
    r"^\s*(?:\[[^\]\n]{1,40}\]\s*|(?:re|fwd?|aw|wg|sv|vs|tr|antw|rv|enc|ref|fyi)(?:\[\d{1,3}\])?\s*:\s*)", re.IGNORECASE
)
_REPLY_PREFIX = re.compile(
    r"^\s*(?:\[[^\]\n]{1,40}\]\s*)?(?:re|aw|sv|antw|rv|fwd?|wg)(?:\[\d{1,3}\])?\s*:", re.IGNORECASE
)
_ATTRIBUTION = re.compile(
    r"^(?:on|am|le|el|il|em|op)\b.{4,120}\b(?:wrote|schrieb|a ecrit|escribio|ha scritto|escreveu|"
    r"schreef)\b[^:]{0,60}:\s*$|"
    r"^[\w .<>@+-]{2,80}\b(?:wrote|schrieb|writes)\b[^:]{0,40}:\s*$"
)
_REST_IS_OLD = re.compile(
    r"^\s*(?:-{2,}\s*(?:original message|forwarded message|ursprungliche nachricht|weitergeleitete nachricht|"
    r"message d'origine)\b.*|"
    r"begin forwarded message:?|_{10,}|from:\s.{2,100})$"
)
_SIGNATURE = re.compile(r"^(?:-- ?|—|--|__|\*\*\*)$")
_CLOSING = re.compile(
    r"^(?:(?:many |best |kind |warm |with |all the |thanks and |thank you and )*(?:regards|wishes|best|cheers|"
    r"greetings|sincerely|yours|br|rgds|kr|vg|mfg|lg)"
    r"(?: (?:sincerely|truly|faithfully|from|and thanks))?|(?:many )?thanks(?: (?:in advance|a lot|so much|again|"
    r"everyone|all))?|thank you(?: (?:in advance|very much|so much))?|thx|tia|ta|"
    r"mit freundlichen grussen|viele grusse|beste grusse|liebe grusse|gruss|cordialement|bien a vous|saludos|un "
    r"saludo|atentamente|"
    r"cordiali saluti|saluti|atenciosamente|abracos|met vriendelijke groet(?:en)?|groeten|groetjes)\s*[,.!:-]*\s*$"
)
_CLOSING_NAME = re.compile(
    r"^(?:best|cheers|regards|thanks|thx|br|kr|rgds|lg|vg|gruss)?[,\s/-]{0,3}[a-z][\w.-]{0,20}(?: "
    r"[a-z][\w.-]{0,20})?\s*$"
)
_SENT_FROM = re.compile(
    r"^(?:sent|gesendet|envoye|enviado|inviato|verzonden) (?:from|von|depuis|desde|da|vanaf|via) (?:my|meinem|mon|"
    r"mi|mijn|the)?.{0,40}$|^get outlook for.{0,30}$"
)
_GREETING = re.compile(
    r"^(?:hi|hello|hey|dear|good (?:morning|afternoon|evening|day)|greetings|morning|hallo|moin|guten (?:tag|"
    r"morgen)|liebes?|sehr geehrte\w*|"
    r"bonjour|salut|hola|buenos dias|buenas tardes|ciao|buongiorno|ola|bom dia|boa tarde|beste|hoi|goedemorgen|"
    r"howdy|yo)"
    r"(?:[ ,]+(?:there|all|team|everyone|everybody|folks|again|both|colleagues|ops-warden|warden|ops|friend|friends|"
    r"together|zusammen|(?!who|where|how|what|which|can|could|do|is)[\w-]+(?: [\w-]+)?))??\s*[,!.:-]+\s*"
)
_GREETING_LINE = re.compile(
    r"^(?:hi|hello|hey|dear|good (?:morning|afternoon|evening|day)|greetings|morning|hallo|moin|guten (?:tag|"
    r"morgen)|bonjour|salut|hola|ciao|buongiorno|ola|"
    r"bom dia|hoi|goedemorgen|howdy|yo)(?: [\w-]+){0,3}\s*[,!.:-]*\s*$"
)
_FENCE = re.compile(r"^\s*(?:```|~~~)")
_BULLET = re.compile(r"^\s*(?:[-*•+–]|\d{1,2}[.)]|\(?[a-z]\)|\[[ x]?\])\s+")
_HEADING = re.compile(r"^#{1,6}\s+|^={3,}$|^-{3,}$")
_LINK = re.compile(r"!?\[([^\]\n]{0,200})\]\([^)\s]{0,500}\)")
_URL = re.compile(r"\bhttps?://\S+")
_EMPHASIS = re.compile(r"(?<!\w)[*_~`]{1,3}|[*_~`]{1,3}(?!\w)")
_TAG = re.compile(r"</?[a-z][^<>\n]{0,100}>")
_END = re.compile(r"(?<=[.!?;])[\"')\]*_]*\s+|(?<=\?)(?=[a-z])")
_SMILEY = re.compile(r"(?:[:;]-?[)(dp]|\^\^)(?=\s|$)")
_ABBREVIATION = re.compile(r"\b(e\.g|i\.e|etc|vs|approx|incl|resp|no|nr|dr|mr|mrs|ms|st)\.(?=\s)")
_WRAP = "\x00"
_WRAPPED_CHARS = 46
_SIGNATURE_LINES = 8
_SIGNATURE_CHARS = 70


@dataclass(frozen=True, slots=True)
class Mail:
    """A message as it is matched: folded sentences of what the sender wrote now, and the subject without prefixes.

    `digest` says that several mails stand in one.
    """

    subject: str
    subject_is_old: bool
    sentences: tuple[str, ...]
    digest: bool


def read_subject(subject: str) -> str:
    """Return the folded subject without `Re:`, `Fwd:`, list tags and markdown."""
    text = subject[:500]
    for _ in range(8):
        shorter = _PREFIX.sub("", text, count=1)
        if shorter == text:
            break
        text = shorter
    return " ".join(_clean(fold(text)).split())


def read_mail(subject: str, body: str, is_reply: bool) -> Mail:
    """Return what is matched of a message; `is_reply` says that it stands in a thread that was begun before."""
    lines, digest = _own_lines(_mark_wraps(body))
    sentences = tuple(_split(_join(lines)))
    old = bool(_REPLY_PREFIX.match(subject)) or is_reply
    return Mail(read_subject(subject), old, sentences, digest)


def _mark_wraps(body: str) -> str:
    """Return the folded body with a mark before each line that only goes on with the sentence of the line above.

    A writer who begins lines with capitals goes on where a line begins with a small letter and the one above is open.
    """
    lines = body.replace("\r", "").split("\n")
    writes_capitals = any(line[:1].isupper() for line in lines)
    marked: list[str] = []
    above = ""
    for line in lines:
        goes_on = writes_capitals and line[:1].islower() and above[-1:].isalnum() and above[:1].isalnum()
        marked.append(_WRAP + fold(line) if goes_on else fold(line))
        above = line.strip()
    return "\n".join(marked)


def _own_lines(folded: str) -> tuple[list[str], bool]:
    lines: list[str] = []
    fenced = False
    headers = 0
    for line in folded.split("\n"):
        text = line.removeprefix(_WRAP).strip()
        if _FENCE.match(text):
            fenced = not fenced
            lines.append("")
            continue
        headers += text.startswith(("subject:", "from:"))
        if fenced:
            continue
        if text.startswith((">", "|")) or _ATTRIBUTION.match(text):
            lines.append("")
            continue
        if _REST_IS_OLD.match(text) and any(lines):
            break
        if _SIGNATURE.match(text) and any(lines):
            break
        lines.append(_WRAP + text if line.startswith(_WRAP) else text)
    return _without_closing(lines), headers >= 3


def _without_closing(lines: list[str]) -> list[str]:
    """Cut a closing formula and the name below it, when nothing but short lines without a question follows."""
    filled = [at for at, line in enumerate(lines) if line]
    for at in filled[-_SIGNATURE_LINES:]:
        below = [line for line in lines[at + 1 :] if line]
        if (
            at != filled[0]
            and _CLOSING.match(lines[at].removeprefix(_WRAP))
            and all(len(line) < _SIGNATURE_CHARS and "?" not in line for line in below)
        ):
            return (
                lines[:at]
                if below or not lines[at].removeprefix(_WRAP).startswith(("thank", "many thank", "thx"))
                else lines
            )
    if len(filled) > 1:
        last = lines[filled[-1]]
        if _SENT_FROM.match(last):
            return _without_closing(lines[: filled[-1]])
        if last.startswith(("-", "–", "/")) and _CLOSING_NAME.match(last.lstrip("-–/ ")):
            return lines[: filled[-1]]
    return lines


def _clean(text: str) -> str:
    if "](" in text:
        text = _LINK.sub(r"\1", text)
    if "://" in text:
        text = _URL.sub(" ", text)
    if "<" in text:
        text = _TAG.sub(" ", text)
    return _SMILEY.sub(". ", _EMPHASIS.sub("", text))


def _join(lines: list[str]) -> list[str]:
    """Return paragraphs: hard-wrapped lines joined, list items and headings apart."""
    found: list[str] = []
    open_line = ""
    for raw in lines:
        wrapped = raw.startswith(_WRAP)
        raw = raw.removeprefix(_WRAP)
        marked = _BULLET.match(raw) or _HEADING.match(raw)
        text = _clean(_HEADING.sub("", _BULLET.sub("", raw))).strip()
        goes_on = (
            bool(open_line)
            and not marked
            and text
            and text[0] not in "-*"
            and (wrapped or len(open_line) >= _WRAPPED_CHARS)
        )
        if goes_on and open_line[-1] not in ".!?:;" and not _GREETING_LINE.match(found[-1]):
            found[-1] = found[-1] + " " + text
        elif text:
            found.append(text)
        open_line = raw if text else ""
    return found


def _split(paragraphs: list[str]) -> list[str]:
    found: list[str] = []
    for paragraph in paragraphs:
        if _GREETING_LINE.match(paragraph):
            continue
        text = _ABBREVIATION.sub(r"\1", _GREETING.sub("", paragraph, count=1))
        for part in _END.split(text):
            sentence = " ".join(part.split()).strip(" -")
            if any(c.isalnum() for c in sentence) or "?" in sentence:
                found.append(sentence)
    return found
