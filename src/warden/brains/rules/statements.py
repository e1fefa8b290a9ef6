"""Messages that ask nothing: acknowledgements, reports, and the further requests that forbid an answer."""

from __future__ import annotations

import re

_ACK = re.compile(
    r"(?:\b|^)(?:thanks|thank (?:you|u)|thx|thanx|ty|tysm|cheers|much appreciated|appreciated?|appreciate (?:it|"
    r"that|the|your)|got it|noted|understood|acknowledged|acking|ack|roger(?: that)?|will do|sounds good|"
    r"works (?:now|great|fine|for me|perfectly|like a charm|again)|working now|all (?:good|set|done|sorted|clear|"
    r"fine)|(?:^|it'?s |it is |that'?s |that is |this is |all |, )(?:done|perfect|great|awesome|excellent|brilliant|"
    r"wonderful|resolved|sorted|solved|fixed|confirmed|settled)|"
    r"^ok(?:ay)?|^received|received$|no further (?:questions|action)|nothing (?:else|further|more)|no (?:action|"
    r"reply|response) (?:is )?(?:needed|required|necessary)|that (?:helps|helped|answers|did it|worked)|makes sense|"
    r"lgtm|merci|danke|dankeschon|vielen dank|besten dank|gracias|obrigad[oa]|grazie|bedankt|dank (?:je|u))\b"
)
_FYI = re.compile(
    r"\b(?:fyi|for your (?:information|records?|awareness)|just (?:letting you know|so you know|a (?:quick |short "
    r")?(?:note|heads[- ]?up|update|fyi)|to let you know|for information|for the record)|letting you know|heads[- "
    r"]?up|"
    r"no (?:action|reply|response|answer|need)(?: is)?(?: needed| required| necessary| expected)|zur info|zur "
    r"kenntnis|pour info(?:rmation)?|para tu informacion|per conoscenza|ter info)\b"
)
_HARMLESS = re.compile(
    r"\b(?:no|zero|0|without|not any|keine?) (?:\w+ )?(?:blockers?|errors?|failures?|issues?|problems?|incidents?|"
    r"questions?|alerts?|downtime|outages?|regressions?|losses|data loss|complaints?|action|reply|response|further "
    r"action)"
    r"(?: (?:is |are )?(?:needed|required|necessary|expected|found|seen|reported|open|so far|to report|since|at "
    r"(?:this|the) (?:time|moment)))*|\b(?:blockers?|errors?|failures?|issues?|problems?|risks?|incidents?|"
    r"questions?|open points?)\s*:\s*(?:none|no|0|zero|nothing|n/?a|-)\b|"
    r"\bnothing (?:is )?(?:blocked|to report|else|further|more|needed|required|open|to do)(?: (?:needed|required|"
    r"from (?:you|your side)))?\b|\bnot blocked\b|\bno need to (?:reply|respond|answer|do anything|act)\b|"
    r"\b(?:problem|issue|error|question|incident|blocker)s? (?:is |was |are |has been |now )*(?:solved|resolved|"
    r"fixed|gone|answered|closed|sorted)\b|\bno longer (?:needed|an issue|a problem|blocked)\b|\bdo not need "
    r"anything(?: else| more)?\b|"
    r"\bthank(?:s| you)(?: (?:very much|so much|a lot|again|all|both|team|for (?:your|the) (?:quick |fast |prompt |"
    r"kind |great |detailed |helpful )*(?:help|reply|answer|response|support|info|information|pointer|update|"
    r"explanation|clarification|work|assistance|note|heads[- ]up)))*|"
    r"\bletting you know\b|\blet you know\b|\bso you know\b|\bfor your (?:information|records?|awareness|help|reply|"
    r"answer)\b|\bappreciate (?:your|the) (?:quick |fast )?(?:help|reply|answer|response|support)\b|\byour (?:quick "
    r"|fast |last |previous |earlier )?(?:answer|reply|help|pointer|note|message|mail|explanation|hint|tip|"
    r"response)\b|"
    r"\bas you (?:said|suggested|described|wrote|advised)\b|\bper your (?:note|answer|reply|message|advice)\b|\byou "
    r"(?:were|are) right\b|\bwill (?:do|reach out|ask|contact|write|talk|ping|check|try|use|follow|go|get in touch|"
    r"message|take it|note)\b|\b(?:i|we)'ll (?:do|reach out|ask|contact|write|talk|ping|check|try|use|follow|go|get "
    r"in touch|message|take it|note)\b|"
    r"\bhave a (?:nice|good|great|lovely) (?:day|weekend|one|evening|week)\b|\bhope (?:you are|you're|this finds "
    r"you|all is) \w+\b|\bno worries\b|\b(?:works?|working|worked|back|online|up|running|fine|ok|okay) again\b|"
    r"\bthanks again\b|\bnot (?:a problem|urgent)\b|\bno problem\b|\bsee you\b"
)
_TROUBLE = re.compile(
    r"\b(?:fail(?:s|ed|ing|ure|ures)?|down|errors?|broken?|breaks|blocked|blocker|blockers|blocking|outages?|"
    r"expir(?:e|es|ed|ing|y)|urgent(?:ly)?|leak(?:s|ed|ing)?|compromis\w+|incidents?|cannot|can't|can not|unable|"
    r"stuck|waiting|await\w*|pending|deadlines?|asap|breach\w*|"
    r"lost|stolen|stole|wrong|problems?|issues?|trouble|refus\w+|denied|rejected|reject|crash\w*|degraded|delayed|"
    r"late|missing|overdue|suspicious|unauthori[sz]ed|attack\w*|exposed|pasted|phish\w*|hacked|rollback|rolled back|"
    r"risk|risks|at risk|"
    r"need|needs|needed|require|requires|required|should|must|want|wants|would like|would love|request|requests|"
    r"requesting|please|pls|plz|kindly|hope|hoping|expect|expecting|expected|remind\w*|todo|to-do|action items?|"
    r"suggest\w*|recommend\w*|propose\w*|prefer\w*|"
    r"but|however|except|unless|although|though|until|yet|not|never|nobody|nothing|none|without|instead|if|whether|"
    r"otherwise|let me know|let us know|confirm that|decide|decision|decisions|approval|approve|sign[- ]?off|"
    r"question|questions|unclear|unsure|wonder\w*|asking|ask|asks|asked|help|"
    r"delete|drop|wipe|decommission|shut ?down|terminate|revoke|destroy|purge|you|your|yours|ops-warden|warden|"
    r"bitte|aber|nicht|muss|sollte|s'il|mais|doit|pero|favor|debe|ma|deve|maar|moet|graag|mas|attention|important|"
    r"beware|careful|warning|critical|alarm|emergency|escalat\w+|complain\w*|"
    r"disappoint\w*|again|locked|still|meanwhile|gone|dead|offline|unavailable|unreachable|freez\w*|cold|noisy|"
    r"dirty|slow|hangs?|hanging|timeouts?|timed out|disappear\w*|worse|bad|badly|poor|unacceptable|unfortunately|"
    r"sadly|alas|strange|odd|weird|unexpected\w*|warn\w*|fire|injured|accident|ill|sick|resign\w*|quit|cancel\w*|"
    r"refund|suspend\w*|clogged|leaks?|dripping|another|do it|ship it|go for it|go ahead|proceed|on hold|hold|"
    r"paused|skipped|reopened|rolled|feedback|went up|over budget|regress\w*|overload\w*|invalid|insecure|"
    r"vulnerab\w*|unhappy|sorry|apolog\w+|didn't|doesn't|isn't|won't|wasn't|"
    r"aren't|hasn't|haven't|couldn't|wouldn't|shouldn't|don't|no)\b"
)
_OUTCOME = re.compile(
    r"\b(?:works?|worked|working|arrived|received|found|got|gotten|solved|fixed|resolved|sorted|done|written|asked|"
    r"sent|requested|replied|reached|in place|set up|running|merged|installed|logged in|"
    r"connected|closed|answered|helped|cleared|completed|finished|delivered|moved|have it|has it|found|filed|"
    r"submitted|updated|added|is in|are in|is there|are there)\b"
)
_NOT_ALL_WELL = re.compile(
    r"\b(?:next|then|one of|only|partly|partially|almost|mostly|nearly|half|in advance|reminder|second time|third "
    r"time|timing|invoice|attached|attachment|"
    r"root|sudo|shared|gave|handed|committed|pushed|uploaded|emailed|posted|copied|someone|somebody|stranger|"
    r"scann\w*|leaving|leave|leaves|"
    r"contact|owner|owners|responsible|forwarding|forwarded|\d+ ?%)(?!\w)"
)
_NEUTRAL = re.compile(
    r"\b(?:is|are|was|were|has been|have been) (?:now |finally |also |all )?(?:live|available|online|up|back|ready|"
    r"active|in place|there|here|open|public|official|"
    r"moved|renamed|changed|switched|upgraded|updated|migrated|deployed|released|published|merged|replaced|"
    r"installed|serviced|finished|completed|started|"
    r"documented|announced|set up|done|closed|on|in|at)\b|\b(?:has|have|got|uses|use|lives|runs|moved|switched|"
    r"changed|upgraded|updated|migrated|deployed|released|"
    r"published|merged|replaced|installed|finished|completed|started|documented|renamed) (?:now |a |an |the |to |on "
    r"|in |from |our |its |their )?\w+|\bno (?:action|reply|response)\b"
)
_FUTURE = re.compile(
    r"\b(?:will|'ll|going to|about to|planning to|plan to|plans to|intend\w*|shall|tomorrow|tonight|next week|later "
    r"today|soon)\b"
)
_STATUS_SUBJECT = re.compile(
    r"\b(?:status|progress|weekly|daily|monthly|nightly|hourly|sprint|standup|stand-up|eod|end[- ]of[- ](?:day|"
    r"week)|shift|handover|completion)\b.{0,40}\b(?:report|update|summary|status|notes|digest|log|recap)\b|"
    r"^(?:\W*)(?:status|progress|report|weekly|recap|statusbericht|rapport|informe|rapporto)\b\s*[:-]|^(?:status|"
    r"progress|weekly|daily|status report|weekly report)$|\b(?:status|progress) (?:report|update)\b|"
    r"\bstatus\b.{0,30}$|"
    r"^(?:\W*)(?:report|summary)\b"
)
_REPORTED = re.compile(
    r"\b(?:complete|completed|finished|done|deployed|migrated|merged|processed|ran|succeeded|successful(?:ly)?|"
    r"passed|green|healthy|on track|nominal|ok|up and running|shipped|released|rolled out|rotated|upgraded|updated|"
    r"installed|imported|exported|"
    r"synced|synchroni[sz]ed|verified|tested|archived|restored|reached|delivered|closed|started|in progress|ongoing|"
    r"moved|added|removed|replaced|cleaned|indexed|written|reviewed|prepared|trained|scheduled|repaired|handled|"
    r"answered|resolved|fixed|operational|running|stable|"
    r"\d{1,3} ?%|\d+ (?:of|/|out of) \d+|abgeschlossen|fertig|erledigt|termine|terminado|completado|concluido|"
    r"completato|klaar|afgerond)\b|\b\d{1,3} ?%"
)
_REQUEST = re.compile(
    r"^(?:(?:and|so|but|also|then|now|ok|okay|thanks|thank you|hi|hello|hey|additionally|furthermore|besides|"
    r"finally|meanwhile|in addition|by the way|btw|while you're at it|one more thing|oh and|ps|p\.s)[\s,:.-]+)*"
    r"(?:(?:please|pls|plz|kindly|bitte|can you|could you|would you|will you|can someone|could someone|can we|could "
    r"we|i need you to|we need you to|i want you to|i'd like you to|you should|you must|make sure|let's|go ahead|"
    r"feel free|don't forget to|remember to|"
    r"(?:would|do) you mind)\b)(?P<rest>.*)"
)
_PLEASE_INSIDE = re.compile(
    r"[,;:.-]\s*(?:and |then |also )?(?:please|pls|kindly)\b(?P<rest>.+)|\b(?:and|then) (?:also "
    r")?please\b(?P<more>.+)"
)
_ASKED_INSIDE = re.compile(
    r"(?:[,;:.-]\s*|\b(?:and|then|also|but|so|if)\s+)(?:also |maybe |then )?(?:can|could|would|will) (?:you|someone|"
    r"somebody|anyone|we)\b(?P<rest>.*)"
)
_INFORMING = re.compile(
    r"^[\s,]*(?:(?:please|kindly|also|just|quickly|maybe|possibly|perhaps|be so kind (?:and|to|as to)|help (?:me|"
    r"us)(?: to)?(?: by)?|be able to|to)[\s,]+)*(?:tell|telling|let (?:me|us) know|letting (?:me|us) know|point|"
    r"pointing|direct|directing|advise|advising|help|helping|assist|explain|explaining|clarify|confirm (?:who|where|"
    r"which|how)|remind|share (?:the )?(?:contact|link|name|owner|pointer|process|docs|instructions|details|steps)|"
    r"send (?:me |us )?(?:the |a )?(?:contact|link|name|pointer|docs|instructions|details|steps)|give (?:me|us) "
    r"(?:a |the |some )?(?:hint|pointer|contact|name|tip|direction|directions|idea|info|information|clue)|name|say|"
    r"respond|reply|answer|answering|replying|get back|shed some light|refer|note|see|find|excuse|forgive|ignore "
    r"the noise|bear with|"
    r"put (?:me|us) in (?:touch|contact)|know|look below|read below|sag\w*|dire|me dire|decir\w*|dirmi|zeggen)\b"
)
_IMPERATIVE = re.compile(
    r"^(?:(?:and|also|then|now|so|next|finally|additionally|first|second|secondly|thanks|thank you|ok|"
    r"okay)[\s,:-]+)*(?:review|check|look into|look at|fix|investigate|approve|sign off|send|forward|schedule|call|"
    r"join|fill|complete|submit|prepare|write|draft|update|create|open|close|book|order|cancel|add|remove|delete|"
    r"restart|deploy|run|"
    r"test|verify|make|set up|setup|give|provide|share|issue|rotate|revoke|grant|enable|disable|assign|move|merge|"
    r"install|upgrade|clean|ping|ask|notify|inform|invite|remind|attach|upload|download|print|arrange|organi[sz]e|"
    r"buy|pay|transfer|renew|extend|reset|unlock|escalate|publish|release|register|change|replace|turn|switch|"
    r"increase|decrease|scale|bump|stop|start|kill)"
    r" (?:the|this|that|these|those|my|our|your|all|it|them|me|us|a|an|any|every|new|another|both|off|on|up|down)\b"
)
_FURTHER_NEED = re.compile(
    r"\b(?:also|additionally|as well|too|besides|furthermore|on top|another thing|one more thing|in addition|"
    r"second(?:ly)?)\b.{0,60}\b(?:need|want|require|would like|'d like|looking for|request)\b|"
    r"\b(?:need|want|require|would like|'d like|looking for)\b.{0,80}\b(?:as well|too|also)\b"
)
_NEED = re.compile(
    r"\b(?:needs?|wants?|requires?|looking for|would like|'d like|am after|are after|missing|lacks?|requesting|"
    r"request|without|"
    r"thinking (?:about|of)|interested in|asking about|questions? (?:about|on|regarding)|applying for|(?:it|this) "
    r"is about|(?:has|have|had|got) (?:no|lost|broken))\b "
    r"(?P<object>.+)"
)
_SECOND_PERSON_ORDER = re.compile(
    r"\b(?:i|we) (?:need|want|expect|ask|would like|'d like) you to\b|\byou (?:need to|have to|must|should)\b"
)


def is_further_request(sentence: str) -> bool:
    """Return whether a folded statement asks for something to be done, beside being told who, where or how."""
    match = _REQUEST.match(sentence)
    if match is not None:
        return _INFORMING.match(match["rest"]) is None
    match = _ASKED_INSIDE.search(sentence)
    if match is not None and _INFORMING.match(match["rest"]) is None:
        return True
    match = _PLEASE_INSIDE.search(sentence)
    if (
        match is not None
        and _INFORMING.match(match["rest"] or match["more"] or "") is None
        and (match["rest"] or match["more"] or "").strip(" .!")
    ):
        return True
    return bool(_IMPERATIVE.match(sentence) or _FURTHER_NEED.search(sentence) or _SECOND_PERSON_ORDER.search(sentence))


def needed_object(sentence: str) -> str | None:
    """Return what a folded statement says is needed or looked for, or None."""
    match = _NEED.search(sentence)
    return match["object"] if match else None


def _troubled(sentence: str) -> bool:
    return _TROUBLE.search(_HARMLESS.sub(" ", sentence)) is not None


def is_acknowledgement(sentences: tuple[str, ...], subject: str) -> bool:
    """Return whether every folded sentence thanks, confirms or informs, and none asks, warns, orders or announces."""
    if not sentences or len(sentences) > 12:
        return False
    marked = (
        any(_ACK.search(sentence) or _FYI.search(sentence) for sentence in sentences)
        or _FYI.search(subject) is not None
    )
    if not marked:
        return False
    informs = _FYI.search(subject) is not None or any(_FYI.search(sentence) for sentence in sentences)
    for sentence in sentences:
        rest = _HARMLESS.sub(" ", sentence)
        if not informs and rest.strip(" .!,") and not _ACK.search(sentence) and not _OUTCOME.search(sentence):
            return False
        told = informs and rest.strip(" .!,") and not _FYI.fullmatch(sentence.strip(" .!,:"))
        if told and not any(pattern.search(sentence) for pattern in (_ACK, _OUTCOME, _NEUTRAL)):
            return False
        if (
            "?" in sentence
            or _TROUBLE.search(rest)
            or _NOT_ALL_WELL.search(rest)
            or _FUTURE.search(rest)
            or is_further_request(sentence)
        ):
            return False
    return True


def is_status_report(sentences: tuple[str, ...], subject: str, claimed: bool) -> bool:
    """Return whether the folded sentences report what was done, and ask, warn and announce nothing drastic.

    `claimed` says that the sender marked the message as a report: that alone is not enough, a report must read as one.
    """
    if not sentences or len(sentences) > 80:
        return False
    if not (claimed or _STATUS_SUBJECT.search(subject) or _STATUS_SUBJECT.search(sentences[0])):
        return False
    if any("?" in sentence or _troubled(sentence) or is_further_request(sentence) for sentence in sentences):
        return False
    return any(_REPORTED.search(sentence) for sentence in sentences)
