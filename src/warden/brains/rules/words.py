"""The words of the rule brain: which carry no content, which ask for routing, which change what is asked.

All sets hold folded words as they are written; `stems` gives the same set as `tokens.stem` compares them.
"""

from __future__ import annotations

from warden.brains.rules.tokens import stem


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


def stems(words: frozenset[str]) -> frozenset[str]:
    """Return the stems of all words, and the words themselves."""
    return frozenset(stem(word) for word in words) | words


STOP = _words(
    """
    a an the this that these those some any each every such same other others another both all i me my mine myself
    we us our ours you your yours he him his she her it its they them their theirs one ones someone somebody anyone
    anybody everyone everybody something anything nothing is am are was were be been being do does did done have has
    had having can could may might shall should will would must of to in on at by for from with about into onto via
    through over under between within as than then so if or and but nor up out off there here now just also too very
    really quite still already again only even ever yet please pls plz kindly thanks thank thx cheers regards hi
    hello hey dear morning afternoon evening good day s t re d ll m ve not no yes ok okay oh well hmm um eh btw fwiw
    afaik like maybe perhaps possibly simply actually basically currently today tomorrow soon asap nowadays usually
    normally generally typically exactly officially internally anyway anyways anymore lately recently moment
    lol haha hehe tho though although however meanwhile besides plus man dude mate bro btw yo
    anywhere somewhere overall back finally eventually instead-of guys folks gladly wanted when while because since
    before after during until once first next last quick quickly short small little bit lot re regarding concerning
    wrt fyi aw wg fw fwd sv tr yours sincerely best kind warm greetings folks team all guys gang der die das den dem
    des ein eine einen einem und oder fur mit von zu im ist sind ich wir uns mir mich man bitte danke hallo le la
    les un une des du et ou pour avec de je nous vous on est svp bonjour merci el los las una unos y o para con yo
    nosotros es son por favor hola gracias il lo gli uno e per io noi sono ciao grazie um uma os ao eu het een en of
    voor met ik wij ons zijn hoi bedankt graag
    """
)

# Words of asking and of responsibility: they make a question one about routing and say nothing about its object.
ROUTE = _words(
    """
    who whom whose whoever where which what how wherever get gets getting got obtain obtains obtaining obtained find
    finding receive receiving acquire acquiring coordinate coordinates oversee oversees plan plans planning organise
    organises organising organize organizes organizing arrange arranges own owns owner owners owned owning ownership
    handle handles handling handled handler manage manages managing managed manager managers issue issues issuing
    issued issuer issuers responsible responsibility charge accountable provide provides providing provided provider
    give gives giving given grant grants granting granted hand hands handing handed hold holds holding holder keep
    keeps keeping keeper run runs running look looks looking after care take takes taking deal deals dealing
    maintain maintains maintaining maintainer administer administers administering administrate control controls
    controlling supply supplies ask asks asking asked talk talking speak speaking contact contacts contacting reach
    write ping turn go goes going come request requests requesting requested requisition apply applies applying file
    person people contact team teams agent agents desk group department place spot channel queue address see point
    pointer pointers pointed direct directed right correct proper appropriate know knows knowing tell told say idea
    clue sure wondering wonder question questions help advise assist process procedure way steps path workflow need
    needs needing needed want wants require requires required supposed looking after wer wo woher wen wem wie welche
    welcher bekomme bekommen kriege verwaltet zustandig stellt vergibt erhalte qui quel quelle comment gere obtenir
    responsable quien donde como gestiona obtener conseguir quem onde obter chi dove ottenere gestisce wie waar
    beheert krijg advice advises helps coordinator coordinators administrator
    administrators custodian steward liaison inform informs notify notifies alert consult approach call calls phone email
    message mail bug bother poke nudge answer answers answering authorised authorized entitled allowed
    """
)

# Words of `ROUTE` that are also names of things; they carry content where the catalogue names something by them.
ROUTE_NOUN = _words(
    """
    address file care control controls channel queue desk place spot person people contact team teams agent agents
    group department turn point hand process procedure steps workflow path question questions run issue issues owner
    manager managers owners supply supplies provider holder holders request requests application requisition help
    advise way deal deals care talk see grant grants advice call calls phone email message mail bug alert answer
    answers
    """
)

# After these a word of `ROUTE_NOUN` belongs to the frame of the question: "which team", "the right place", "do I contact".
FRAME_BEFORE = _words(
    """
    who whom which what where how right correct proper appropriate responsible i we to you one me us can could
    should would may must does do best main person please other whoever takes take taking  get
    """
)

# Ways to obtain: of no weight unless the catalogue tells entries apart by them.
OBTAIN = _words(
    """
    order orders ordering ordered book books booking booked buy buying purchase collect collecting pick apply sign
    signup register submit send sending file subscribe reserve reserving arrange arranging organise organize set
    setup create creates creating created generate make makes making add adds adding added enrol enroll assign
    assigns assigning drop
    forward forwards forwarding borrow borrows borrowing borrowed lend lends lending report reporting
    reported allocate distribute distributes hire set setting sets new
    """
)

# Acts on a thing that its owner is usually asked about: a little doubt each, when the catalogue does not name them.
OPERATE = _words(
    """
    rotate rotates rotating rotation revoke revokes revoking renew renews renewing renewal reset resets resetting
    approve approves approving approval approver extend extends replace replaces replacing sign signs signing signer
    update updates change changes changing configure configures unlock unlocks enable review authorise authorize
    authorizes repair repairs repairing repaired fix fixes fixing fixed correct corrects correcting corrected amend amends
    clean cleans cleaning cleaned inspect inspects check checks verify verifies certify certifies move moves restore
    restores remove removes increase increases expand expands swap swaps retrieve retrieves collects collect mend mends recruit
    recruits reissue reissues reactivate reactivates replenish replenishes reorder reorders allocates
    """
)

# Plain attributes that do not make another thing of the thing they stand with.
MODIFIER = _words(
    """
    new newest fresh temporary temp short-lived personal own spare extra additional second official internal valid
    proper current working separate dedicated individual production prod staging stage stg dev development test
    testing qa sandbox read readonly write scoped limited restricted shared local remote company corporate various
    different specific particular certain type kind sort kinds stuff thing things item items matter matters topic
    topics related purposes purpose request requests our latest long short full time replacement main actual primary
    """
)

GENERIC_NOUN = _words(
    """
    access account accounts credential credentials creds login logins permission permissions rights entry
    """
)

# What a thing is needed for; after "for", "on", "in" these tell nothing about the thing itself.
CONTEXT = _words(
    """
    service services server servers host hosts machine machines project projects team teams job jobs pipeline
    pipelines cluster clusters environment environments environments box boxes node nodes vm app application system
    systems script scripts bot colleague colleagues coworker contractor contractors employee employees engineer
    engineers developer developers intern interns starter starters joiner joiners hire hires user users customer
    client clients member members person people guest guests visitor office site work use usage repo repository
    package module tool tools tooling worker workers agent agents demo experiment prototype rollout launch setup
    migration deployment integration week month quarter year monday tuesday wednesday thursday friday saturday
    sunday january february march april june july august september october november december sprint half days weeks
    """
)

PREPOSITION = _words(
    """
    for on in at to from with because since so as when before by inside within during via under of about if while after
    over until till above per through between among towards due near
    """
)

# Something is wrong, or a limit, price, date or document is asked about: not a question of routing.
PROBLEM = _words(
    """
    problem problems trouble error errors fail fails failed failing failure failures broke breaks down outage
    incident incidents bug bugs crash crashes crashed stuck slow refused denied rejected invalid expired expire
    expires wrong compromised leaked stolen hacked breach work works worked not never cannot without except unless
    instead versus vs affected blocked blocker missing unavailable unreachable stop stops stopped stopping avoid
    avoids prevent quit cease rid bypass circumvent fake forge forged steal hack crack spoof around illegal
    illegally secretly complain complaint bribe
    """
)

NEGATION = _words("not no never none neither nor without except unless nobody instead")

# Common words that a misspelt word of a catalogue must not be read from.
COMMON = _words(
    """
    leave lease level lever stage state store story start stock still stall space place plane plant plate price
    prize point paint print pint taken taking tokens spoken broken chance change charge charm chart heart earth
    learn clear clean claim plain train brain drain grain trail trial tries tired tried board bored broad bread
    break bride brief grief group growl grown green greet great light right night might sight fight eight weigh
    desks disks ticks trick truck track crack crash trash brush badge budget budge bridge fringe range orange change
    strange danger manger hanger ranger table cable fable stable usable label libel level house horse mouse noise
    nurse purse course source sauce cause clause pause phone stone shone alone clone drone prone throne water later
    layer lawyer paper pepper power tower lower flower shower travel gravel unravel marvel parcel cancel channel
    panel panels salary celery gallery battery lottery pottery expense expenses expanse response contract contrast
    contact context content contest meeting melting setting sitting seating heating beating betting getting letting
    office officer offer offers other others parking packing backing banking barking marking making taking baking
    printer pointer painter sprinter winter monitor minister mentor mouse mouth month north worth forth fourth
    cluster clutter cloister server severe serve swerve client silent policy police polite report resort retort
    import export expert report reports invoice voice advice device devices service services train trains trading
    grading desktop laptop query queries quarry table tables tablet tablets model modal medal metal mental rental
    metric metrics matrix schema scheme schemes kernel colonel folder holder older border order master matter stream
    steam scream dream cream batch patch match catch watch latch beach reach teach peach where there these those
    whose could would should about above abort being bring first thirst their there three think thing things thank
    which witch while white write world would word words work works years tears staff stuff visit visits visa guest
    guess quest speed spend state status statue lunch launch bunch event events even floor flour music topic basic
    color colors sales scale scales taxes tasks texts
    """
)

# The words of `ROUTE` that say what is wanted; one of them makes a question a routing question.
ROUTE_ACT = ROUTE - _words(
    """
    who whom whose whoever where which what how wherever know knows knowing tell told say idea clue sure wondering
    wonder question questions help advise assist need needs needing needed want wants require requires required
    supposed looking look looks after turn go goes going come come come run running runs take takes taking keep
    keeps keeping way steps path point wer wo woher wen wem wie welche welcher qui quel quelle comment quien donde
    como quem onde chi dove wie waar advise right correct proper appropriate
    """
) | _words(
    "running look looks help helps advise advises advice looking after charge go goes turn runs run take takes keeps keep"
)

# Of `MODIFIER`, what may stand after the thing without making another thing of it: "the VPN stuff".
TRAILING = _words(
    """
    stuff thing things item items matter matters topic topics related purpose purposes request requests long time
    """
)

PRONOUN = _words("it this that one ones them these those such there here so")

# Of `ROUTE`, what an owner does; "how do *I* give ..." is no question of routing.
RESPONSIBLE_ACT = _words(
    """
    own handle manage issue provide give grant hand hold keep run maintain administer administrate control supply
    coordinate oversee plan deal look care own take turn
    """
)

# Of `ROUTE_ACT`, nouns for who is responsible.
ROLE = _words(
    """
    person people contact team teams agent agents group department desk place spot channel queue
    address owner owners manager
    managers handler holder keeper provider issuer issuers
    maintainer responsibility coordinator coordinators
    administrator administrators custodian steward liaison question questions idea process
    procedure workflow
    """
)

# What an owner does for whoever needs the thing: "who *schedules* X?" asks for the owner of X. Money, teaching, use, return and
# audit are other matters ("who pays for X", "who teaches X"), and so is who won, sold, wrote or broke it.
SERVE = _words(
    """
    service services servicing serviced restock restocks restocking restocked refill refills refilling refilled schedule
    schedules scheduling scheduled provision provisions provisioning provisioned install installs installing installed
    operate operates operating support supports supporting supported open opens opening opened activate activates
    activating activated register registers registering registered process processes processing processed dispense
    dispenses dispatch dispatches deliver delivers delivering delivered track tracks tracking prepare prepares preparing
    publish publishes raise raises ensure ensures produce produces
    producing produced connect connects connecting connected hook hooks hooking link links integrate integrates sort sorts
    sorting sorted unblock unblocks unblocking release releases
    """
)

# States and amounts that do not change whose thing it is: "a *broken* pump", "*more* quota", "a *second* screen".
QUALIFIER = _words(
    """
    failing failed
    more less higher lower bigger larger smaller better faster broken defective faulty damaged missing lost misplaced
    late wrong duplicate incorrect outdated suspected urgent overdue outstanding pending unused blocked locked forgotten
    upcoming closed existing old older empty full clean dirty prospective potential possible former future annual monthly
    yearly weekly daily nightly regular ongoing special big large small single double joint foreign domestic external
    international national global regional central custom standard basic whole entire complete incoming outgoing recent
    latest shiny nice decent suitable cheap proper unpaid paid free dead ordinary usual common general monthly several
    few many multiple two three four five six seven eight nine ten twelve twenty thirty forty fifty sixty
    hundred dozen brand longer shorter newer cheaper wider stronger quieter lighter
    """
)

# Nouns of administration: after or before a thing they do not make another thing of it ("quota *rules*", "*mistakes* in X").
ADMINISTRATIVE = _words(
    """
    rate rates rule rules report reports form forms fund funds schedule schedules list lists change changes claim claims
    instance instances setup registration registrations payment payments appointment appointments booking bookings order
    orders delivery deliveries repair repairs replacement replacements renewal renewals support record
    records setting settings configuration limit limits membership memberships subscription subscriptions update updates
    mistake mistakes correction corrections administration management coordination handling maintenance installation
    allocation assignment pickup collection equipment gear device devices unit units paperwork
    application applications inquiry inquiries enquiry enquiries concern concerns info information detail details
    arrangement arrangements seat seats slot slots capacity priority overview rights approval approvals
    issue registry office desk
    """
)

# Names so wide that many owners have a share in them; one alone tells no owner.
GENERAL = _words(
    """
    hardware software equipment device machine service system platform tool infrastructure support resource material
    security data document file report account access cloud product project request order office work information
    management administration operation process form change update
    """
)

# Before "to" or "for" these are what is asked for, never the thing: "what is the *process* to ...".
PROCEDURE = _words("process procedure steps workflow path way")

# Of `CONTEXT`, what belongs to somebody's work: "a test *of the app*" is no other thing than a test.
SYSTEM = _words(
    """
    service services server servers host hosts project projects cluster clusters environment environments app apps
    application applications system systems tool tools module package site repository repo
    """
)
