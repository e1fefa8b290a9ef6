"""The rules that recognise an attempt to instruct the worker, as data: trigger words, then one pattern.

A pattern is tried only when one of its trigger words is in the text, every gap in it is bounded, and it never crosses a
line end, so that the cost grows with the text's length and no faster. Rules look at the whole text, quoted parts and code
included: what stands in a quotation reaches a reader as well.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache


@dataclass(frozen=True, slots=True)
class InjectionRule:
    """One way to instruct the worker: its id, the words of which one must be present, the pattern over folded text."""

    id: str
    triggers: frozenset[str]
    pattern: str


def _rule(rule_id: str, triggers: str, pattern: str) -> InjectionRule:
    return InjectionRule(rule_id, frozenset(triggers.split()), pattern)


_ORDERS = (
    r"(?:instruction|rule|prompt|guideline|polic|charter|constraint|restriction|safeguard|guardrail|programming|"
    r"directive|"
    r"command|filter|context|anweisung|regel|vorgabe|instruktion|consigne|regle|instruccion|regla|instruco|"
    r"instrucao|regra|"
    r"istruzion|regol|opdracht|training|order)"
)
_MACHINE = r"(?:ai|llm|assistant|bot|model|language model|automation|worker|automated \w+|warden|chatbot|gpt|ki|ia)"

INJECTION_RULES: tuple[InjectionRule, ...] = (
    _rule(
        "override-orders",
        "ignore ignoring disregard forget override bypass overrule circumvent neglect skip ignorier ignoriere "
        "ignorieren ignoriert "
        "vergiss ignorez ignorer oublie oubliez ignora ignorad ignorar ignore olvida olvide esqueca dimentica "
        "ignorare negeer "
        "negeren vergeet unfollow violate",
        r"\b(?:ignor\w*|disregard|forget|override|bypass|overrule|circumvent|neglect|skip|vergiss|oublie[zr]?|"
        r"olvida|olvide|esqueca|"
        r"dimentica|negeer|negeren|vergeet|unfollow|violate)\b[^\n]{0,60}\b" + _ORDERS,
    ),
    _rule(
        "ignore-everything",
        "ignore disregard forget ignora vergiss vergeet oublie olvida",
        r"\b(?:ignore|disregard|forget|ignora|vergiss|vergeet|oublie[zr]?|olvida)\b[^\n]{0,12}\b(?:everything|all "
        r"(?:of )?(?:the )?"
        r"(?:above|previous|that)|the above|what you were told|alles|tout|todo|tutto)\b|"
        r"\b(?:ignore|disregard|forget) (?:all )?your (?:previous|prior|earlier)\b(?! (?:e?mails?|messages?|questions?|"
        r"repl(?:y|ies)|answers?|tickets?|notes?))",
    ),
    _rule(
        "stop-following", "follow obey obeying following", r"\b(?:do not|don't|stop|never|quit) (?:follow|obey)\w*\b"
    ),
    _rule(
        "new-identity",
        "you your du sie tu vous eres voce sei je",
        r"\b(?:you are (?:now|no longer|hereby|henceforth|a(?:n)? (?:ai|unrestricted|helpful|different))|from now "
        r"on,? you|"
        r"you will now|you must now|your new (?:role|instructions?|task|rules?|identity|persona|name|job|goal|"
        r"prompt)|"
        r"du bist (?:jetzt|nun|ab sofort)|sie sind (?:jetzt|nun|ab sofort)|tu es (?:maintenant|desormais)|vous etes "
        r"(?:maintenant|desormais)|"
        r"ahora eres|a partir de ahora,? eres|agora voce e|voce agora e|ora sei|d'ora in poi,? sei|je bent (?:nu|"
        r"vanaf nu))\b",
    ),
    _rule(
        "role-play",
        "pretend roleplay role-play play imagine simulate act hypothetically",
        r"\b(?:pretend (?:to be|that|you|there)|role-?play|imagine (?:you|that you|there (?:are|is) no)|simulate "
        r"(?:a|an|being)|"
        r"act as (?:if|though|a|an|my|the)|play the role|let's play a game)\b",
    ),
    _rule(
        "mode",
        "mode dan jailbreak jailbroken unrestricted uncensored",
        r"\b(?:(?:developer|debug|maintenance|admin|god|dan|root|sudo|test|unsafe|unrestricted|override|training) "
        r"mode\b"
        r"(?= (?:on|is|enabled|activated|now|:)|[.!,:]|$)|(?:enter|enable|switch to|activate|in) (?:developer|debug|"
        r"maintenance|admin|god|dan|"
        r"root|unrestricted) mode|jailbreak|jailbroken|you are unrestricted)",
    ),
    _rule(
        "prompt",
        "prompt prompts systemprompt",
        r"\b(?:system|initial|hidden|original|secret|first|developer) ?-?prompts?\b|\b(?:your|the) prompt\b(?! "
        r"(?:reply|response|answer|help|action|feedback))|new prompt",
    ),
    _rule(
        "reveal-orders",
        "reveal print repeat show output recite display list summarize tell",
        r"\b(?:reveal|print|repeat|show|output|recite|display|list|summarize|tell me)\b[^\n]{0,24}\byour "
        r"(?:\w+ )?(?:instructions|rules|guidelines|configuration|system message|charter)\b",
    ),
    _rule(
        "mark-read",
        "mark marking flag markiere markieren marque marquez marca marcar markeer segna read",
        r"\b(?:mark|flag)(?:ing)? (?:\w+ ){0,6}?(?:as|to|=) ?\"?(?:read|done|answered|handled|resolved|seen|closed|"
        r"processed|spam)\b|"
        r"\bmarkieren?\b[^\n]{0,40}\bgelesen\b|\bmarque[zr]?\b[^\n]{0,40}\b(?:lus?|lido)\b|"
        r"\bmarca[r]?\b[^\n]{0,40}\bleid[oa]s?\b|"
        r"\bmarkeer\b[^\n]{0,40}\bgelezen\b|\bsegna\b[^\n]{0,40}\blett[oi]\b",
    ),
    _rule(
        "dictated-reply",
        "reply respond answer say write output return confirm acknowledge antworte antworten reponds responde "
        "respondez rispondi antwoord",
        r"\b(?:reply|respond|answer|write back|say|output|return|antworte|reponds|repondez|responde|rispondi|"
        r"antwoord)\b[^\n]{0,24}?"
        r"(?:\b(?:approved?|lgtm|granted|authori[sz]ed|accepted|genehmigt|approuve|aprobado|aprovado|approvato|"
        r"goedgekeurd)\b|"
        r"\b(?:only|exactly|nothing but|verbatim|literally) (?:with|the|this|yes|ok|\"|')|\bwith (?:only|just|"
        r"exactly|the (?:word|text|following|"
        r"string|phrase)|yes\b|ok\b|\"|'))|\byour (?:reply|response|answer|output) (?:must|should|has to|will|"
        r"shall)\b|"
        r"\b(?:output|say|write|print|return) the following\b",
    ),
    _rule(
        "run-this",
        "run execute executing eval evaluate launch invoke sudo curl wget bash fuhre execute ejecuta esegui voer",
        r"\b(?:please |now |then |you to |you must |you should |just |and |^|[.!:;,] )?(?:run|execute|eval|evaluate|"
        r"launch|invoke)\b "
        r"(?:the |this |these |that |my |our |following |attached |below |all |it\b)+(?:\w+ ){0,3}?(?:command|"
        r"commands|script|scripts|code|query|"
        r"queries|sql|tool|tools|instructions|steps|snippet|playbook|function|program|payload|following|below|"
        r"shell)\b|"
        r"\b(?:curl|wget)\b[^\n]{0,200}\|\s*(?:sudo )?(?:ba|z|da)?sh\b|\brm -rf\b|\bbash -c\b|\bexecute:|\brun:|"
        r"\bfuhre\b[^\n]{0,30}\baus\b|"
        r"\bejecuta\b[^\n]{0,20}\b(?:comando|script|codigo)|\besegui\b[^\n]{0,20}\b(?:comando|script|codice)|"
        r"\bvoer\b[^\n]{0,30}\buit\b",
    ),
    _rule(
        "forward-to",
        "forward forwarding redirect relay bcc cc exfiltrate leite transfere transferez reenvia inoltra stuur "
        "weiterleiten copy",
        r"\b(?:forward|redirect|relay|bcc|cc|copy|exfiltrate)\b (?:this|that|it|all|every|everything|the|any|these|"
        r"those|them|a copy|your|my|"
        r"our|each|messages|mails?|emails?|replies|future)\b|\bleite\b[^\n]{0,40}\bweiter\b|"
        r"\btransfere[zr]\b[^\n]{0,30}\b(?:a|vers)\b|"
        r"\breenvia\w*\b[^\n]{0,40}\ba\b|\binoltra\w*\b[^\n]{0,40}\ba\b",
    ),
    _rule(
        "send-outside",
        "send post upload mail email submit deliver http https",
        r"\b(?:send|post|upload|mail|email|submit|deliver|report)\b[^\n]{0,80}\bto (?:https?://|"
        r"[\w.+-]{1,64}@[\w-]{1,63}\.)",
    ),
    _rule(
        "role-markup",
        "system assistant developer tool user im_start im_end inst sys endoftext tool_call tool_calls function_call "
        "functions role system_message system_prompt information "
        "tool_use tool_result antml human message instructions email data input context instruction",
        r"<\|?\s*/?\s*(?:im_start|im_end|system|assistant|user|tool|function|functions|endoftext|tool_calls?|"
        r"tool_use|tool_result|"
        r"instructions?|message|human|email|data|input|context|information)\b[^>\n]{0,40}\|?>|"
        r"\[/?(?:inst|system|sys|assistant|tool)\]|<</?sys>>|[(\[]system[_ ](?:message|prompt)[)\]]|"
        r"^[\s>|]*(?:assistant|developer)\s*:|^[\s>|]*system\s*:[^\n]{0,80}\b(?:you|ignore|must|override|reply|approve|mark|"
        r"mode|now|assistant|"
        r"instruction)|^#{1,6}\s*(?:system|assistant|instructions?|new instructions?|developer)\b\s*:?\s*$|"
        r"[\"']role[\"']\s*:\s*[\"'](?:system|assistant|tool|developer)|tool_calls?\b|function_call\b|\bbegin "
        r"system\b|"
        r"\bend of (?:the )?(?:message|email|mail|user input|untrusted|data|prompt|context)\b",
    ),
    _rule(
        "own-vocabulary",
        "route_answer mark_read progress_note entry_id catalog_entry planned_action propose_catalog_diff",
        r"\b(?:route_answer|mark_read|progress_note|entry_id|catalog_entry|planned_action|propose_catalog_diff)\b",
    ),
    _rule(
        "to-the-machine",
        "ai llm assistant bot model automation worker automated warden chatbot agent gpt ki ia",
        r"\b(?:if you are|if you're|as) (?:an? |the )"
        + _MACHINE
        + r"\b|\b(?:note|message|instructions?|attention|important|memo|notice|"
        r"psa|reminder|hey|dear|hello)\b,?:? (?:to |for |from )?(?:the |any |all |every |our |an )?"
        + _MACHINE
        + r"s?\b|"
        r"\b(?:any|every|all|whichever) "
        + _MACHINE
        + r"s? (?:that |who |which )?(?:reads?|reading|process\w*|handl\w*|pars\w*)|"
        r"^" + _MACHINE + r"\s*[:,]|\b(?:ai|llm|automated) agents? (?:reading|processing|handling|must|should)\b",
    ),
    _rule(
        "claimed-authority",
        "operator administrator admin developer creator override authorization authorisation pre-approved "
        "preapproved approved "
        "speaking clearance",
        r"\b(?:i am|i'm|this is|it's|speaking as) (?:your (?:\w+ )?(?:operator|administrator|admin|developer|"
        r"creator|maintainer|owner|boss)|the (?:real )?operator)\b|"
        r"\b(?:admin|operator|security|emergency|management|root|developer) override\b|\boverride code\b|"
        r"\bauthori[sz]ation code\b|"
        r"\bpre-?approved\b|\b(?:already|has been|have been|is|was|are) (?:already )?approved by\b",
    ),
    _rule(
        "without-review",
        "approval review confirmation escalate escalating escalation log logging record tell mention notify flag "
        "human ask asking "
        "report verify check telling reporting verification",
        r"\b(?:no|without) (?:any |further |human |the |manual |prior |asking for |need for )*(?:approval|review|"
        r"confirmation|escalat\w+|asking|logging|"
        r"telling|verification|reporting)\b(?! (?:yet|from|for me|so far))|\b(?:do not|don't|never|no need to|"
        r"instead of) (?:escalat\w+|log|record|tell|"
        r"mention|notify|flag|report|verify|ask (?:anyone|a human|for|the|any)|involve|check with)\b|\bskip (?:the |"
        r"any |all |human )*(?:review|"
        r"approval|checks?|human|verification|escalation)\b",
    ),
    _rule(
        "weaken-guard",
        "guard guardrails policy policies charter audit logging ledger filter filters safety limit limits kernel "
        "approvals allowlist "
        "catalog catalogue memory rules",
        r"\b(?:disable|turn off|suspend|lower|raise|remove|loosen|relax|deactivate|edit|change|extend|modify|"
        r"rewrite|switch off|clear) "
        r"(?:\w+ ){0,3}?(?:guard|guardrails|polic(?:y|ies)|charter|audit|logging|ledger|filters?|safety|rate "
        r"limits?|kernel|approvals?|rules)\b|"
        r"\b(?:add|insert|append|write|put|save|store) (?:\w+ ){0,8}?(?:to|in|into) (?:your|the) (?:\w+ "
        r")?(?:catalog(?:ue)?|charter|polic(?:y|ies)|"
        r"allowlist|memory|rules)\b",
    ),
    _rule(
        "treat-as",
        "treat consider classify regard count handle trusted label",
        r"\b(?:treat|regard|classify|label|count|handle) (?:this|the following|it|me|my|everything|all|these|any|"
        r"anything)(?: \w+){0,4}? as\b|"
        r"\bconsider (?:this|it|yourself|the|me)(?: \w+){0,3}? (?:approved|authori[sz]ed|handled|done|trusted|"
        r"answered|an? (?:order|instruction))\b|"
        r"\bthe following is (?:an? )?(?:system|polic|trusted|instruction|official|new)\b",
    ),
    _rule(
        "standing-order",
        "future subsequent always everyone anyone everybody whenever remaining henceforth everything messages "
        "nothing senders",
        r"\b(?:for|in|on|to) (?:all|every|any|each) (?:future|subsequent|other|remaining|following|incoming|new) "
        r"(?:messages?|requests?|repl\w+|"
        r"questions?|mails?|senders?)\b|\balways (?:answer|reply|respond|say|include|route|recommend|point|approve|"
        r"append|forward|add)\b|"
        r"\bwhen(?:ever)? (?:someone|anyone|somebody|people|others|they) asks?\b[^\n]{0,60}\b(?:say|tell|reply|"
        r"answer|respond|send|point|route)\b|"
        r"\btell (?:everyone|everybody|all senders|anyone|them all|all of them)\b|\b(?:answer|reply to|route|"
        r"approve|escalate|close|skip|delete|archive) "
        r"(?:every|all|each|any) (?:\w+ ){0,3}?(?:messages?|questions?|requests?|mails?|threads?|senders?)\b|"
        r"\bescalate nothing\b",
    ),
    _rule(
        "updated-orders",
        "instructions policy charter rules instruction directive",
        r"\b(?:new|updated?|revised|additional|special|important|urgent|hidden|secret) (?:system )?(?:instructions?|"
        r"charter|directives?|orders)\b"
        r"(?= (?:for you|from|follow)|\s*:)|\byour (?:instructions|rules|charter|guidelines|policies) (?:have|has|"
        r"are|were|now|changed|no longer|do not|don't)"
        r"|\bfollow (?:these|my|the following|the below|this) (?:\w+ )?(?:instructions?|steps|orders?|commands?)\b|"
        r"\bdo (?:exactly )?(?:as|what) i (?:say|tell)",
    ),
    _rule(
        "hidden-markup",
        "display font color visibility opacity",
        r"display\s*:\s*none|font-size\s*:\s*0|visibility\s*:\s*hidden|opacity\s*:\s*0\b|color\s*:\s*(?:white|#fff)",
    ),
    _rule(
        "decode-and-do",
        "decode base64 rot13 unscramble decipher",
        r"\b(?:decode|unscramble|decipher|base64|rot13)\b[^\n]{0,60}\b(?:follow|execute|obey|run|do (?:what|as)|act|"
        r"comply|carry out)\b",
    ),
)


INJECTION_WORDS = frozenset(word for rule in INJECTION_RULES for word in rule.triggers) | {
    "instructions",
    "previous",
    "rules",
}
"""Words that are restored when they are written with digits for letters."""


@lru_cache(maxsize=1)
def _by_trigger() -> dict[str, tuple[int, ...]]:
    found: dict[str, list[int]] = {}
    for number, rule in enumerate(INJECTION_RULES):
        for word in rule.triggers:
            found.setdefault(word, []).append(number)
    return {word: tuple(numbers) for word, numbers in found.items()}


@lru_cache(maxsize=len(INJECTION_RULES))
def _compiled(number: int) -> re.Pattern[str]:
    return re.compile(INJECTION_RULES[number].pattern, re.MULTILINE)


def find_injection(folded: str, words: frozenset[str]) -> str | None:
    """Return the id of the first rule that matches folded text, or None; `words` are the text's words."""
    by_trigger = _by_trigger()
    numbers = {number for word in words & by_trigger.keys() for number in by_trigger[word]}
    for number in sorted(numbers):
        if _compiled(number).search(folded):
            return INJECTION_RULES[number].id
    return None
