"""What is asked: the questions of a message, cut out of its sentences, each with kind and object.

Kinds: `who`, `where`, `how`, `process` and `contact` ask for routing; `other` is any other question (when, why, how long,
is it, can you, what is ...), which a catalogue answers only where it lists that very question.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

OTHER = "other"
_MAX_CHARS = 1200
_MAX_QUESTIONS = 8

# Doubts of the sender about the answer, not negations of what is asked.
_DOUBT = re.compile(
    r"\b(?:i'?m |i am |we'?re |we are )?(?:not (?:quite |entirely |really )?(?:sure|certain|clear)|unsure|(?:do not|"
    r"don't|dont|didn't|did not) (?:really |actually )?know|"
    r"(?:have |got |with )?no (?:idea|clue)|can't (?:find|figure out|tell|remember)|can not (?:find|tell|remember)|"
    r"cannot (?:find|figure out|tell|remember)|could not find(?: out)?|"
    r"couldn't find(?: out)?|didn't find|don't see|can't seem to find|not (?:obvious|documented)|unclear)\b(?: "
    r"anywhere)?"
)
_WHO = (
    r"(?:who(?:'s|m|se|ever|m ever)?|(?:which|what) (?:of you |other |one |specific |internal )?(?:team|agent|"
    r"person|people|group|desk|department|dept|squad|owner|one|contact|colleague|office|unit|division|crew|section|"
    r"helpdesk|committee)s?)"
)
_WHERE = (
    r"(?:where(?:abouts|ver)?|(?:which|what) (?:place|portal|form|channel|page|queue|site|address|mailbox|"
    r"inbox))"
)
_HOW = (
    r"(?:how (?:do|can|could|should|would|might|to|does one|does someone|does somebody|must|may|am i supposed|"
    r"are we supposed|is one supposed))"
)
_PROCESS = (
    r"(?:what(?:'s|s| is| are| would be) (?:the |our |your )?(?:usual |right |best |correct |proper |current |"
    r"official |standard |quickest |fastest |easiest |normal )*(?:process|procedure|way|steps|workflow|path|"
    r"route|place|channel|contact|point of contact|team|person)(?: here)?(?: to| for| of)?|process (?:to|for)|"
    r"procedure (?:to|for))"
)
_CONTACT = (
    r"(?:point (?:me|us) (?:to|at|towards?|in)|direct (?:me|us) (?:to|towards)|put (?:me|us) in (?:touch|contact) "
    r"with|refer (?:me|us) to|looking for (?:the |an? )?"
    r"(?:owner|person|people|team|agent|contact|right|one|responsible|colleague|place|proper|correct|appropriate|"
    r"desk)|(?:need|want|looking for|have) (?:the |an? )?(?:name of the )?(?:right )?(?:contact|owner|point of "
    r"contact)\b(?: person)?|"
    r"(?:is|are) (?:this|that|here|it|you)(?: guys| all| folks)? (?:still )?(?:the |a )?(?:right|correct|proper|"
    r"appropriate|responsible)(?: (?:place|person|team|agent|desk|address|contact|one|queue|channel|people|party))?|"
    r"(?:are|is) (?:you|this)(?: guys| all| folks)? (?:the (?:ones?|person|team|agent|contact|owner)|responsible|in "
    r"charge)|"
    r"do you (?:guys |all |folks )?(?:still |also |even )?(?:handle|own|issue|manage|look after|take care of|deal "
    r"with|provide|hand out|give out|sign|maintain|run|administer)|"
    r"is there (?:a|an|any|some) (?:person|team|agent|owner|contact|process|procedure|place|form|way|one|desk|point "
    r"of contact)|is there (?:someone|anyone|somebody|anybody)|"
    r"(?:know|find|find out|identify|tell me|give me) the (?:name of the )?(?:owner|owners|contact|person|team) "
    r"(?=of|for|behind|responsible|in charge)|"
    r"^(?:right |best |main )?(?:owner|contact|contact person|responsible|point of contact) (?:of|for|regarding|"
    r"about)|(?:owner|contact|contact person|responsible|point of contact)\s*\?$)"
)
_FOREIGN_WHO = (
    r"(?:wer|wen|an wen|wem|bei wem|qui est-ce qui|qui|a qui|quien|a quien|quem|a quem|chi|a chi|wie "
    r"(?=(?:beheert|geeft|verstrekt|regelt|is|gaat|doet)\b)|bij wie)"
)
_FOREIGN_WHERE = (
    r"(?:wo|woher|wohin|ou (?=(?:puis|peut|est|dois|trouver|obtenir|demander|je)\b)|donde|de donde|onde|dove|waar)"
)
_FOREIGN_HOW = (
    r"(?:wie (?:bekomme|komme|kann|erhalte|beantrage)|comment (?:puis|obtenir|est-ce|fait|faire|je|peut|"
    r"demander)|como (?:puedo|obtengo|consigo|se|posso|obtenho)|come (?:posso|ottengo|si)|hoe (?:kom|kan|krijg|"
    r"vraag))"
)

_ROUTING = tuple(
    (kind, re.compile(rf"(?<![\w'-])(?:{pattern})(?![\w])"))
    for kind, pattern in (
        ("who", _WHO),
        ("where", _WHERE),
        ("how", _HOW),
        ("process", _PROCESS),
        ("who", _FOREIGN_WHO),
        ("where", _FOREIGN_WHERE),
        ("how", _FOREIGN_HOW),
    )
)
_CONTACT_PATTERN = re.compile(_CONTACT)
_ANY_ROUTING = re.compile("|".join(pattern.pattern for _, pattern in _ROUTING))
_STARTS = re.compile(
    r"^(?:(?:so|and|but|also|ok|okay|well|now|then|quick question|question|quick one|one question|a question|short "
    r"question|one more question|another question|"
    r"hi|hello|hey|please|sorry|anyway|thanks|thank you|just|simply|frage|pregunta|domanda|vraag|pergunta)\b[\w "
    r"]{0,24}?[\s,:!.-]+)*(?:(?:to|from|with|for|at|by|about|an|von|bei|a|de|da|di) )?$"
)
_ASKED = re.compile(
    r"(?:\b(?:know|knows|known|tell|telling|say|idea|clue|wonder|wondering|ask|asking|asks|find out|finding out|"
    r"figure out|figuring out|understand|understanding|see|advise|explain|clarify|"
    r"confirm|remind|learn|sure|certain|clear|unclear|unsure|question is|question|regarding|pointers?|pointer on|"
    r"hint|info|information|guidance|help|lookup|look up|curious|me|us|looking|"
    r"trying to find|find|point|direct|weiss|wissen|sagen|sag|savoir|dire|saber|decir|dizer|sapere|dire|weten|"
    r"zeggen)|<doubt>)"
    r"(?: on| about| of| to| at| as to| as| towards?| in the direction of| out| for)?,?:? (?:(?:to|from|with|for|at|"
    r"von|bei|a|an) )?$"
)
_SPLIT = re.compile(
    r"(?:[,;:]\s*|\s-+\s*|\s)(?:and|or|but|also|plus|&|und|et|y|e|en)(?: also| then| maybe| "
    r"additionally)?,?\s+(?=(?:to |from |by )?(?:who|whom|whose|where|how|what|when|why|which|can|could|is|are|do|"
    r"does|should|"
    r"will|would|has|have|wer|wo|wie|qui|quien|donde|como|chi|dove|waar|hoe)\b)|[,;]\s*(?=(?:who|whom|whose|where|"
    r"how|what|when|why)\b)|\?\s*(?=\w)"
)
_OTHER_START = re.compile(
    r"^(?:what|when|why|how|which|is|are|was|were|do|does|did|can|could|should|shall|will|would|has|have|had|may|"
    r"might|am|isn't|aren't|doesn't|don't|didn't|won't|wouldn't|couldn't|can't|"
    r"ist|sind|kann|warum|wann|est-ce|pourquoi|quand|por que|cuando|perche|quando|waarom|wanneer)\b"
)
_COURTESY = re.compile(
    r"^(?:(?:and |so |but |please |hi |hello |hey |thanks )*)(?:how are (?:you|things)(?: all| doing| going| "
    r"today)*|how(?:'s| is) it going|how do you do|what's up|all (?:good|well)|(?:can|could|would|will) (?:you|"
    r"someone|anyone|somebody|anybody)"
    r"(?: please| kindly| maybe| possibly)*(?: be able to)? (?:help|assist|advise|help out|help me|help us|clarify|"
    r"point me in the right direction|point us in the right direction|let me know|let us know|tell me|tell us)(?: "
    r"me| us)?(?: out)?"
    r"(?: with (?:this|that|it|the following|a question|something))?(?: on (?:this|that))?(?: here)?(?: please)?(?: "
    r"with)?|any (?:help|ideas?|pointers?|thoughts?|suggestions?|clues?|hints?|advice|guidance)"
    r"(?: appreciated| welcome| on this| here)*|(?:ok|okay|right|correct|yes|no|huh|anyone|anybody|please|possible|"
    r"thoughts|ideas|help|eh|really)|(?:may|can|could) i ask (?:you )?(?:a|one|another|you something)?(?: (?:quick |"
    r"short |small )?(?:question|thing|favou?r))?(?: here)?|"
    r"(?:got|have|do you have) (?:a|one|some) (?:quick |spare )?(?:minute|second|moment|sec|time)|(?:does|is) "
    r"(?:that|this|it) (?:make sense|ok|okay|right|fine|clear|possible)|(?:do you|does anyone|anyone|anybody|would "
    r"you|do you happen to) (?:happen to )?know|"
    r"(?:is|are|would) (?:that|this|it|they|those)(?: be)? (?:somebody|someone|anybody|another team|a different team|not "
    r"you|us|the wrong \w+)(?: else)?|"
    r"who knows|you know|quick question|(?:a )?question|hope (?:you are|you're|all is|all's) \w+)\s*(?:please|"
    r"thanks|thank you|cheers)?[?!. ]*$"
)
_READER = re.compile(
    r"\bwho(?:m)?ever (?:reads|is reading|sees|gets|picks|is on|may) (?:this|it|duty|up|read|see|be)\b"
)
# "How does a new colleague get ...": who needs it is no part of what is asked for.
_ASKER = re.compile(
    r"\b(how(?= (?:\w+ ){2,4}?(?:colleague|coworker|contractor|consultant|employee|intern|developer|engineer|analyst|guest|"
    r"visitor|user|member|person|student|partner|customer|client|manager|starter|joiner|hire|team|teammate|freelancer|researcher|teacher|agent|bot)s?\b)"
    r"|where) (?:do|does|can|could|should|would|may|must|might) (?!i |we |you |one )(?:(?:a|an|the|our|my|any|every|new|"
    r"external) )?(?:\w+ ){1,3}?"
    r"(get(?! (?:\w+ed|its|their)\b)|obtain|request|order|report|apply|register|book|ask|find|receive|submit|pick|enrol|join|"
    r"collect)\b"
)
_NO_APOSTROPHE = re.compile(r"\b(who|where|what)s\b")
_EMPTY_LEAD = re.compile(r"^(?:subject|betreff|question|q|frage)\s*:\s*")


_MAY_ASK = re.compile(
    r"\?|\b(?:who|whom|whose|whoever|where|whereabouts|wherever|which|what|how|why|when|process|procedure|point|"
    r"direct|put|refer|looking|contact|owner|responsible|"
    r"right|correct|proper|do you|is there|in charge|wer|wen|wem|wo|woher|wohin|wie|qui|ou|comment|quien|donde|como|"
    r"quem|onde|chi|dove|come|waar|hoe)"
)


@dataclass(frozen=True, slots=True)
class Question:
    """One question: its kind, the text from its question word on, and what stood before it in the same sentence."""

    kind: str
    text: str
    lead: str = ""


def is_courtesy(sentence: str) -> bool:
    """Return whether a folded sentence only has the form of a question ("how are you?", "can you help?")."""
    return _COURTESY.match(sentence) is not None


def read_questions(sentence: str) -> list[Question]:
    """Return the questions of one folded sentence, in its order; empty for a statement and for courtesies."""
    if not _MAY_ASK.search(sentence):
        return []
    if len(sentence) > _MAX_CHARS:
        return [Question(OTHER, sentence[:_MAX_CHARS])]
    sentence = _READER.sub(" ", sentence)
    sentence = _ASKER.sub(r"\1 can i \2", sentence)
    sentence = _NO_APOSTROPHE.sub(r"\1 is", sentence)
    sentence = _EMPTY_LEAD.sub("", _DOUBT.sub("<doubt>", sentence))
    if is_courtesy(sentence):
        return []
    found: list[Question] = []
    told = ""
    asked = "?" in sentence
    parts = _SPLIT.split(sentence)
    for number, part in enumerate(parts[:_MAX_QUESTIONS]):
        part = part.strip(" ,;-")
        if not part or is_courtesy(part):
            continue
        question = _read_part(part, asked, number > 0 and bool(found))
        if question is not None:
            found.append(question if question.lead or not told else replace(question, lead=told))
        told = part if question is None else ""
    if len(parts) > _MAX_QUESTIONS:
        found.append(Question(OTHER, sentence))
    if asked and not found and not is_courtesy(sentence):
        found.append(Question(OTHER, sentence))
    return found


def _read_part(part: str, asked: bool, follows: bool) -> Question | None:
    first: tuple[int, str] | None = None
    for kind, pattern in _ROUTING:
        for match in pattern.finditer(part):
            before = part[: match.start()]
            opens = follows or _STARTS.match(before) or _ASKED.search(before) or (asked and _opens_after_lead(before))
            if opens and (first is None or match.start() < first[0]):
                first = (match.start(), kind)
                break
    contact = _CONTACT_PATTERN.search(part)
    if first is not None:
        if contact is not None and contact.start() < first[0] and not _ANY_ROUTING.search(part[: first[0]]):
            return Question("contact", part[contact.start() :].replace("<doubt>", " "), part[: contact.start()])
        return Question(first[1], part[first[0] :].replace("<doubt>", " "), part[: first[0]].replace("<doubt>", " "))
    if contact is not None:
        return Question(
            "contact", part[contact.start() :].replace("<doubt>", " "), part[: contact.start()].replace("<doubt>", " ")
        )
    if _OTHER_START.match(part) and asked:
        return Question(OTHER, part)
    if _OTHER_START.match(part) and follows:
        return Question(OTHER, part)
    return None


def _opens_after_lead(before: str) -> bool:
    """Return whether a question word may open a question here: after a comma, colon or dash, or an opening formula."""
    stripped = before.rstrip()
    return not stripped or stripped[-1] in ",:;-–(." or stripped.endswith("<doubt>")
