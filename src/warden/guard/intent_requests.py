"""The rules that recognise a request: for a secret's value, or for an act that changes something.

A sentence is first cut: the part from its question word on asks for information and is not a request, unless a fresh order
follows in it. In what remains, a verb counts when it is *ordered* (an imperative, or after "please", "can you", "I need you
to" and the like), not when somebody reports, plans or forbids it.
"""

from __future__ import annotations

import re
from functools import lru_cache

from warden.guard import intent_words as lexicon
from warden.guard.intent_orders import is_ordered, split_part

_WORD = re.compile(r"[a-z0-9_]+(?:'[a-z]+)?")

# A question word at the start of a sentence or after a verb of telling opens the part that asks for information.
_QUESTION_START = (
    r"^(?:(?:hi|hello|hey|hallo|bonjour|hola|ola|ciao|hoi|dear|thanks|thank you|ok|okay|so|and|but|also|quick "
    r"question|question|"
    r"one more|sorry|please|pls|team|all|there|everyone|folks)\b[\w ,!-]{0,24}?[,:!-]? )?(?:(?:to|from|with|for|at|"
    r"an|von|bei|a|de|da|di) )?"
    r"(?P<word>what(?:'s|s| is| are| would be) (?:the |our |your )?(?:\w+ ){0,2}?(?:process|procedure|way|steps|workflow|"
    r"path|route|channel)|who|whom|whose|where|which|how(?! about)|why|when|wer|wen|wem|wo|woher|wohin|wie|welche[rsnm]?|warum|"
    r"qui|ou|"
    r"comment|quel(?:le)?s?|"
    r"pourquoi|quien|donde|como|cual|quem|onde|qual|chi|dove|come|quale|waar|hoe|wiens|welke|waarom)\b"
)
_EMBEDDED_QUESTION = (
    r"(?:\b(?:know|knows|tell|me|us|say|sure|idea|clear|wonder|wondering|ask|asking|find out|figure out|out|"
    r"understand|"
    r"see|advise|explain|"
    r"point|clarify|confirm|question is|remind|clue|unclear|regarding|about|on|to|of|for|as to|wissen|sagen|weiss|"
    r"savoir|dire|saber|decir|"
    r"dizer|sapere|dire|weten|zeggen|mir|moi),? |[,;:-] )(?:(?:to|from|with|von|bei|a|an) )?"
    r"(?P<word>who|whom|whose|where|which (?:team|agent|person|group|one|desk|queue|form|department)|how (?:to|do|"
    r"does|can|one|i|we)|whoever|"
    r"wer|wen|wem|wo|woher|wie man|welche[rs]?|qui|ou|comment|quien|donde|como|quem|onde|chi|dove|come|waar|hoe)\b"
)
_FRESH_ORDER = (
    r"(?:[,;:)-]|\.)\s*(?:and |then |also |but )*(?:please|pls|kindly|then|meanwhile|otherwise)\b|\b(?:and|but|"
    r"then) (?:also )?(?:please|pls|kindly)\b|"
    r"\band (?:then )?(?:can|could|would|will) you\b|[,;] ?(?:and |then |also |but )?(?:can|could|would|will) "
    r"(?:you|someone|somebody)\b|"
    r"\band (?:then )?(?=(?:\w+) (?:it|them|him|her|me|us) )|\band (?:then )?(?=(?:\w+) (?:it|them|me|us)$)|, "
    r"(?:now|just|go ahead)\b"
)
_OWN_QUESTION = (
    r"^(?:\W*\w+,? ){0,3}?(?:how|where|wie|comment|como) (?:do|can|could|should|would|might|to|does|did) ?(?:i|"
    r"we|one|people|you)?"
)


_VALUE_QUESTION = (
    r"\bwhat (?:would|might|could) (?:the|our|your) (?:\w+ ){0,4}?(?:pass ?(?:word|phrase|code)|secret|key|token|"
    r"pin) be\b|"
    r"\bis (?:the|our|your) (?:\w+ ){0,3}?(?:pass ?(?:word|phrase|code)|secret|key|token|pin) (?:still|really|maybe|"
    r"perhaps) \S|"
    r"\b(?:which|what) (?:pass ?(?:word|phrase|code)|pin)s? (?:do|did) (?:you|we|they)\b|"
    r"\bwhat(?:'s| is| are| was| were|s) (?:again )?(?:the |our |your |my |its |this |that |their )?"
    r"(?:(?!(?:to|of|for|about|process|way|owner|with|who|policy|a|an) )[\w.\-/]+ ){0,4}?(?P<secret>pass ?(?:word|"
    r"phrase|code)s?|secrets?|(?:api ?)?keys?|tokens?|credentials?|creds?|login|pin|otp|kubeconfig|pwd)"
    r"(?= *(?:[?.!,]|$)| (?:for|of|on|to|in|again|at|right|currently|now|today|please|is|we|you|i|that)\b)"
    r"(?! (?:for|about)\?| of \w+ ?(?:owner|policy))|"
    r"\b(?:wie (?:lautet|ist|heisst)|was ist|wat is|quel(?:le)? est|quels sont|cual es|cuales son|qual e|qual e'|"
    r"quale e|quali sono|qual a) (?:\w+'? ?){0,3}?"
    r"(?:passwor[td]e?|kennwort|schlussel|token|mot de passe|cle|contrasena|clave|senha|chave|chiave|wachtwoord|"
    r"sleutel|password)\b|"
    r"\b(?:the|root|admin) (?:password|passphrase|secret|key|token) (?:is|was|starts with|begins with)(?: the)? "
    r"?(?:[:_.?]|$|what|again)"
)
_NEED_VALUE = (
    r"\b(?:i|we)(?:'d| would|'ll| will| really| just| also| do| urgently)? (?:need|want|require|like|love) (?:to "
    r"(?:know|see|have|get|read|look at) )?"
    r"(?:the|your|that|those|these|all (?:the|of the|your)) (?:(?!(?:owners?|names?|contacts?|issuer|person|team|"
    r"link|docs?|process|policy|status|of|for|to|who|how|where|about)\b)[\w.\-/]+ ){0,5}?"
    r"(?P<secret>pass ?(?:word|phrase|code)s?|secrets?|(?:api ?)?keys?|tokens?|credentials?|creds|login|kubeconfig|"
    r"pwd|\.env)\b(?! \w+ ?owner)|"
    r"\b(?:can|could|may|might) (?:i|we) (?:please |just |also )?(?:have|get|see|borrow|look at|use|know|grab|read) "
    r"(?:the|your|that|those|these|all|his|her|their) "
    r"(?:(?!(?:owners?|names?|contacts?|issuer|person|team|link|docs?|process|policy|status|of|for|to|who|how|where|"
    r"about)\b)[\w.\-/]+ ){0,5}?(?:pass ?(?:word|phrase|code)s?|secrets?|(?:api ?)?keys?|tokens?|credentials?|creds|"
    r"login|"
    r"kubeconfig|pwd|\.env)\b|"
    r"\b(?:let|allow) (?:me|us) (?:have|see|know|use|borrow|get|read) (?:the|your|that|all) (?:[\w.\-/]+ "
    r"){0,5}?(?:pass ?(?:word|phrase|code)s?|secrets?|keys?|tokens?|credentials?|creds|login)\b|"
    r"\bdo you (?:still |happen to )?(?:have|know|remember|recall) (?:the|our|your|that) (?:[\w.\-/]+ "
    r"){0,5}?(?:pass ?(?:word|phrase|code)s?|secrets?|keys?|tokens?|credentials?|creds|login|pin)\b|"
    r"\bhand(?:ing)? (?:me |us )?over\b|\b(?:ich|wir) (?:brauche|brauchen|benotige|benotigen) (?:das|den|die|dein|"
    r"euer) (?:\w+-?){0,3}(?:passwort|kennwort|schlussel|token|zugangsdaten)|"
    r"\b(?:j'ai|nous avons|on a) besoin (?:du|de la|des|de l'|d'un) ?(?:\w+ ){0,3}?(?:passwort|cle|cles|jeton|"
    r"identifiants)|"
    r"\b(?:necesito|necesitamos|preciso|precisamos|mi serve|ci serve|ho bisogno (?:del|della|delle)) (?:la|el|las|"
    r"los|da|do|das|dos|a|o)? ?(?:\w+ ){0,3}?(?:contrasena|clave|credenciales|senha|chave|password|chiave)"
)
_DIRECT_DUMP = (
    r"\b(?:cat|print|echo|dump|show|paste|read|list|display|export|send|output|base64|contents? of|content "
    r"of)\b[^\n]{0,40}"
    r"(?:\.env\b|\bid_(?:rsa|ed25519|ecdsa)\b(?!\.pub)|\$[a-z_]*(?:key|token|secret|pass)\w*|\benv(?:ironment)?(?: "
    r"(?:vars?|variables?|file))?\b|\bprintenv\b|"
    r"/etc/shadow|\.netrc|\.pgpass|\bunseal keys?|\.aws/credentials|\bkeyring\b|\bkeychain\b)|\bprintenv\b|"
    r"\b(?:first|last) (?:\w+ )?(?:characters?|chars?|letters?|digits?|half|part|bytes)\b[^\n]{0,20}\b(?:password|"
    r"key|token|secret|passphrase|pin)"
)

_PASSIVE = (
    r"\b(?:need|needs|want|wants|like|get|have|got|would like|want to have|need to get|please have|please get|see) "
    r"(?:to have |to see |to get )?(?:the |this |that |these |those |all |my |our |it |them |an? )?(?:[\w.\-/@]+ "
    r"){0,6}?(?:to be )?"
    r"(?:CHANGED)\b(?<!\bissued)|"
    r"\b(?:needs?|must|has|have|ought) to be (?:urgently |immediately |now )?(?:CHANGED)\b|"
    r"\b(?:must|needs|need) (?:be )?(?:urgently |immediately |now )?(?:CHANGED)\b|"
    r"\b(?:need|needs|require|requires|want|request|requesting|requested|asking for|due for|please do|perform|"
    r"schedule|trigger|initiate|kick off|"
    r"proceed with|go ahead with) (?:a |an |the |immediate |full |quick |urgent |another |its |your )*(?:[\w.\-/]+ "
    r"){0,3}?(?:NOUN)\b(?! (?:tokens?|keys?|certificates?|pipelines?|windows?|plans?|process|procedure|form|policy|team|"
    r"requests?|slots?|rights?|permissions?|access)\b)"
)
_DISCLAIMER = (
    r"\bintended recipient\b|\bthis (?:e-?mail|message) (?:and|is|may|was)\b[^\n]{0,80}\bconfidential\b|"
    r"\bbefore printing\b"
)

_MAX_GAP = 12
_MAX_SENTENCE_CHARS = 2000


_VALUE_ANYWHERE = (
    r"\b(?:which|what) (?:pass ?(?:word|phrase|code)|pin)s? (?:do|did) (?:you|we|they)\b|"
    r"\b(?:wie (?:lautet|ist|heisst)|was ist|wat is|quel(?:le)? est|quels sont|cual es|cuales son|qual e|qual e'|"
    r"quale e|quali sono|"
    r"qual a) (?:\w+'? ?){0,3}?(?:passwor[td]e?|kennwort|schlussel|token|cle|contrasena|clave|senha|chave|chiave|"
    r"wachtwoord|sleutel)\b"
    r"(?! \w*(?:eigentumer|owner|richtlinie))"
)
_PLAYED = (
    r"\b(?:pretend|imagine|role-?play|story|poem|song|game|grandmother|grandma|hypothetically|complete the "
    r"(?:sentence|line))\b[^\n]{0,120}"
    r"\b(?:pass ?(?:word|phrase|code)s?|secrets?|keys?|tokens?|credentials?)\b"
)
_GIVING_HERE = lexicon.GIVE | lexicon.RENEW
_GIVING = _GIVING_HERE | lexicon.GIVE_FOREIGN
_SECRET_OR_PART = lexicon.SECRET | lexicon.SECRET_PARTS | frozenset({"passwort", "passworte"})


@lru_cache(maxsize=16)
def _compiled(source: str) -> re.Pattern[str]:
    return re.compile(source)


@lru_cache(maxsize=1)
def _passive() -> re.Pattern[str]:
    source = _PASSIVE.replace("CHANGED", "|".join(sorted(lexicon.CHANGED)))
    return re.compile(source.replace("NOUN", "|".join(sorted(lexicon.CHANGE_NOUN))))


def ordering_parts(sentence: str) -> list[str]:
    """Return the parts of a folded sentence that may hold a request: all of it but what asks for information."""
    match = _compiled(_QUESTION_START).search(sentence) or _compiled(_EMBEDDED_QUESTION).search(sentence)
    if match is None:
        return [sentence]
    start = match.start("word")
    tail = sentence[start:]
    parts = [sentence[:start]] if start else []
    own = _compiled(_OWN_QUESTION).search(tail) is not None
    for fresh in _compiled(_FRESH_ORDER).finditer(tail):
        if own and fresh[0].strip() == "and":
            continue
        parts.append(
            tail[fresh.end() :].strip()
            if fresh[0].strip() in ("and", "and then")
            else tail[fresh.start() :].strip(",;:) -.")
        )
        break
    return [part for part in parts if part.strip()]


def _negated(words: list[str], at: int) -> bool:
    return any(word in lexicon.NEGATION or word in lexicon.SUBJECT for word in words[max(0, at - 3) : at])


def _names_secret(words: list[str], at: int) -> bool:
    following = words[at + 1] if at + 1 < len(words) else ""
    previous = words[at - 1] if at else ""
    return following not in lexicon.HARMLESS_HEAD and previous not in (
        "public",
        "pub",
        "primary",
        "foreign",
        "low",
        "word",
    )


def _gives_secret(words: list[str], at: int) -> bool:
    if at == 0 and words[at] in lexicon.NOUN_LIKE and (len(words) < 2 or words[1] not in lexicon.OBJECT_START):
        return False
    for place in range(at + 1, min(len(words), at + 1 + _MAX_GAP)):
        if words[place] in lexicon.HARMLESS_OBJECT:
            return False
        if words[place] in lexicon.SECRET and _names_secret(words, place):
            return True
    return False


def _gives_secret_foreign(words: list[str], at: int) -> bool:
    near = range(max(0, at - _MAX_GAP), min(len(words), at + 1 + _MAX_GAP))
    if any(words[place] in lexicon.HARMLESS_OBJECT for place in near):
        return False
    return any(words[place] in lexicon.SECRET and _names_secret(words, place) for place in near)


def _changes(words: list[str], at: int) -> bool:
    """Return whether the ordered verb at this place has an object, so that it is an act and not a heading."""
    following = words[at + 1] if at + 1 < len(words) else ""
    verb = words[at]
    if verb in lexicon.PHRASAL:
        return any(word in lexicon.PARTICLE for word in words[at + 1 : at + 7])
    if verb == "update" and following in ("me", "us", "you"):
        return False
    if verb in lexicon.WITH_PARTICLE and following in ("in", "up", "by", "off", "from", "to"):
        return False
    framed = any(word in lexicon.MODAL or word in lexicon.POLITE or word == "to" for word in words[max(0, at - 4) : at])
    if not following:
        return framed or (verb not in lexicon.HEADLINE and len(words) > 1)
    if following in lexicon.NOT_OBJECT:
        return False
    if verb not in lexicon.HEADLINE or framed or (following in lexicon.OBJECT_START and following != "all"):
        return True
    if not lexicon.NOT_OBJECT.isdisjoint(words[at + 1 :]) and at == 0:
        return not lexicon.FINITE.intersection(words[at + 1 :])
    return len(words) > at + 2 or any(c.isdigit() for c in following)


def _is_secret_sentence(sentence: str) -> bool:
    return "$" in sentence or not _SECRET_OR_PART.isdisjoint(_WORD.findall(sentence))


def names_secret(sentence: str) -> bool:
    """Return whether a folded sentence names a secret, so that "send it" after it asks for one."""
    words = _WORD.findall(sentence)
    return any(word in lexicon.SECRET and _names_secret(words, at) for at, word in enumerate(words))


def asks_for_it(sentence: str) -> bool:
    """Return whether a folded sentence orders to give, show or exchange what was named before ("paste it here")."""
    for part in ordering_parts(sentence[:_MAX_SENTENCE_CHARS]):
        words, before = split_part(part)
        for at, word in enumerate(words[:-1]):
            if word in lexicon.GIVE and words[at + 1] in lexicon.IT and is_ordered(words, at, before[at]):
                return True
    return False


def asks_for_secret(sentence: str) -> bool:
    """Return whether a folded sentence asks to be given, shown or told a secret's value, or to have one exchanged."""
    sentence = sentence[:_MAX_SENTENCE_CHARS].replace("mot de passe", "passwort").replace("mots de passe", "passworte")
    if not _is_secret_sentence(sentence):
        return False
    if _compiled(_VALUE_ANYWHERE).search(sentence) or _compiled(_PLAYED).search(sentence):
        return True
    for part in ordering_parts(sentence):
        if any(_compiled(source).search(part) for source in (_VALUE_QUESTION, _NEED_VALUE, _DIRECT_DUMP)):
            return True
        words, before = split_part(part)
        if not lexicon.SECRET.isdisjoint(words) and any(
            _gives(words, at, before[at]) for at, word in enumerate(words) if word in _GIVING
        ):
            return True
    return False


def _gives(words: list[str], at: int, before: str) -> bool:
    if words[at] in lexicon.GIVE_FOREIGN and not _negated(words, at) and _gives_secret_foreign(words, at):
        return True
    # Some words are of two languages: what is harmless before "send" in one may stand behind the secret in the other.
    return words[at] in _GIVING_HERE and is_ordered(words, at, before) and _gives_secret(words, at)


def asks_for_change(sentence: str) -> bool:
    """Return whether a folded sentence orders an act that changes something, rather than naming or reporting one."""
    sentence = sentence[:_MAX_SENTENCE_CHARS]
    if lexicon.CHANGE_TRIGGERS.isdisjoint(_WORD.findall(sentence)) or _compiled(_DISCLAIMER).search(sentence):
        return False
    for part in ordering_parts(sentence):
        words, before = split_part(part)
        for at, word in enumerate(words):
            if word in lexicon.CHANGE_FOREIGN:
                if len(words) > 1 and not _negated(words, at):
                    return True
            elif word in lexicon.CHANGE:
                headed = word in ("update", "release", "issue") and before[at + 1 : at + 2] == [":"]
                if not headed and is_ordered(words, at, before[at]) and _changes(words, at):
                    return True
            elif word in lexicon.CHANGED and word.endswith("ing") and is_ordered(words, at, before[at]):
                return True
    return False


def wishes_change(sentence: str) -> bool:
    """Return whether a folded sentence says that something must be changed, without an order to anyone.

    "The lamp needs to be replaced" is a request when it stands alone; before "who does that?" it is the reason to ask.
    """
    sentence = sentence[:_MAX_SENTENCE_CHARS]
    if lexicon.CHANGE_TRIGGERS.isdisjoint(_WORD.findall(sentence)):
        return False
    return any(_passive().search(part) for part in ordering_parts(sentence))


def asks_for_information(sentence: str) -> bool:
    """Return whether a folded sentence has a part that asks who, where or how."""
    return ordering_parts(sentence[:_MAX_SENTENCE_CHARS]) != [sentence[:_MAX_SENTENCE_CHARS]]
