"""The words of the intent rules, as folded text: without capitals and accents. Several languages stand side by side."""

from __future__ import annotations


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


GIVE = _words(
    """
    send give share paste print show reveal tell post dm forward mail email provide hand drop dump cat echo export
    leak read output display list include attach reply respond return disclose expose decrypt spell encode whisper
    copy transmit supply pass quote repeat recite upload fetch grab pull retrieve slip confirm remind extract
    sending giving sharing pasting printing showing revealing telling posting forwarding mailing emailing providing
    handing dropping dumping disclosing reading copying passing reminding
    """
)

GIVE_FOREIGN = _words(
    """
    schick schicke schicken schickt send sende senden sendet gib geben gebt nenn nenne nennen zeig zeige zeigen
    poste posten teile teilen mitteilen verrate verraten verrat kopiere ubermittle ubermitteln sag sage sagen
    weiterleiten zukommen envoie envoies envoyer envoyez donne donner donnez partage partager partagez montre
    montrer montrez transmets transmettre transmettez colle coller collez communique communiquer communiquez affiche
    afficher affichez dis dire dites fournir fournissez refile envia enviame enviarme enviar envie envien enviadme
    manda mandame mandarme mandar pasa pasame pasarme pasar dame darme dar deme comparte compartir comparta
    compartirme muestra muestrame mostrar mostrarme pega pegar dime decirme decir diga facilita facilitame imprime
    revela revelar mande passar compartilha compartilhar compartilhe partilha partilhar partilhe mostra mostre colar
    fornece fornecer forneca informe informar revele invia inviami inviare inviarmi inviate mandami mandare mandarmi
    dammi darmi dare condividi condividere mostrami mostrare incolla incollare dimmi passami stampa stampare
    fornisci fornire rivela rivelare stuur stuurt sturen geef geven deel delen toon tonen plak plakken mailen zeg
    vertel vertellen doorsturen doorgeven
    """
)

SECRET = _words(
    """
    password passwords passwd passphrase passphrases passcode passcodes pwd pw secret secrets key keys apikey
    apikeys token tokens credential credentials creds cred pem p12 pfx env dotenv id_rsa id_ed25519 kubeconfig seed
    otp totp pin jwt cookie cookies login logins dsn htpasswd netrc pgpass passwort passworte passworter kennwort
    kennworter schlussel geheimnis geheimnisse zugangsdaten anmeldedaten zugangscode zugangscodes privatschlussel
    passe cle cles jeton jetons identifiants contrasena contrasenas clave claves secreto secretos credencial
    credenciales llave llaves senha senhas chave chaves segredo segredos credenciais chiave chiavi segreto segreti
    credenziale credenziali wachtwoord wachtwoorden sleutel sleutels geheim geheimen inloggegevens toegangscode
    wachtzin
    """
)

# After the secret's name these make it something else: "key owner", "token policy", "key points".
HARMLESS_HEAD = _words(
    """
    owner owners policy policies docs doc documentation process processes portal page reset rotation request
    requests manager form holder holders team name names id ids fingerprint fingerprints expiry expiration lifetime
    length format type types count limit limits usage budget point points takeaways dates facts metrics results
    people contact contacts findings differences features figures stakeholders decisions guide runbook issuer
    procedure workflow custodian custodians prefix algorithm ticket
    """
)

# Between the verb and the secret's name these are what is asked for: "send me the link to the key portal".
HARMLESS_OBJECT = _words(
    """
    link links docs documentation owner owners contact contacts name names process instructions policy form page url
    urls status expiry fingerprint steps pointer address person team channel guide runbook public who whom where
    whoever which procedure wer wo qui quien donde chi dove wie waar quem onde issuer custodian pubkey recipient
    inventory
    """
)

CHANGE = _words(
    """
    deploy redeploy delete drop restart reboot scale grant rotate revoke remove add create enable disable merge push
    apply wipe purge truncate migrate upgrade downgrade update reset unlock kill stop start provision install
    uninstall change set open close whitelist allowlist blocklist block unblock approve assign terminate flush
    restore patch issue sign renew transfer publish release order book cancel schedule reschedule destroy erase
    overwrite format promote demote shutdown decommission recreate regenerate generate mint replace extend activate
    deactivate suspend resume rollback revert failover drain cordon evict reconfigure configure register deregister
    pay refund reimburse fire hire move switch bump commit tag trigger rerun retry resize expand shrink archive
    unarchive invite reactivate clear invalidate swap detach attach mount unmount import load roll shut turn take
    spin tear blow nuke kick cut bring
    """
)

CHANGE_FOREIGN = _words(
    """
    losche loschen loscht entferne entfernen starte starten deploye deployen rotiere rotieren widerrufe widerrufen
    sperre sperren entsperre andere andern erstelle erstellen aktiviere deaktiviere installiere installieren spiele
    setze abschalten ausrollen neustarten zurucksetzen freischalten supprime supprimer supprimez redemarre
    redemarrer redemarrez deploie deployer deployez efface effacer revoque revoquer revoquez ajoute ajouter ajoutez
    creer creez desactive desactiver activer modifie modifier arrete arreter arretez elimina eliminar borra borrar
    borre reinicia reiniciar reinicie despliega desplegar despliegue revoca revocar anade anadir crea crear cree
    desactiva desactivar activa activar rotar cambia cambiar actualiza actualizar apaga apagar apague apagar exclua
    excluir implante implantar revogue revogar adicione adicionar crie criar desative rotacione remova remover
    reinicialize cancella cancellare riavvia riavviare distribuisci distribuire aggiungi aggiungere disattiva attiva
    ruota ruotare spegni spegnere aggiorna aggiornare verwijder verwijderen herstart herstarten uitrollen trek
    intrekken voeg toevoegen maak aanmaken schakel uitschakelen roteer roteren wis wissen
    """
)

CHANGED = _words(
    """
    deployed redeployed deleted dropped restarted rebooted scaled granted rotated revoked removed added created
    enabled disabled merged pushed applied wiped purged truncated migrated upgraded downgraded updated reset
    unlocked killed stopped started provisioned installed uninstalled changed opened closed whitelisted allowlisted
    blocked unblocked approved assigned terminated flushed restored patched issued signed renewed transferred
    published released ordered booked cancelled canceled rescheduled destroyed erased overwritten promoted
    decommissioned recreated regenerated generated minted replaced extended activated deactivated suspended resumed
    reverted registered reimbursed refunded paid resized expanded archived cleared invalidated deleting restarting
    rotating revoking removing deploying disabling enabling upgrading updating replacing renewing resetting wiping
    dropping granting unlocking
    """
)

CHANGE_NOUN = _words(
    """
    restart reboot deployment redeployment deploy rollback deletion removal rotation revocation reset renewal
    upgrade migration failover shutdown termination unlock reissue
    """
)

# An imperative that is also a common headline noun counts only with a clear object after it.
HEADLINE = _words(
    """
    update issue change release patch start stop close open set order book block format schedule tag move switch cut
    take turn roll bring load import grant access sign scale reset restart deploy push merge drop transfer clear
    cancel commit trigger active cree crea activa elimina add create maak
    """
)

OBJECT_START = _words(
    """
    the this that these those all my our your his her their it them me us a an any every everything both old each
    another prod production staging live up down off out back over new den die das dem alle alles diese diesen
    meinen unsere le la les l ce cette tous toutes mon notre el los las mi nuestro todo todos o os as meu nosso il
    lo gli i tutti het de deze
    """
)

NOT_OBJECT = _words(
    """
    on notes failed fails failing complete completed done window windows test tests is was were has have had went
    report reports succeeded finished with in of log logs plan plans to status passed request requests successful
    pending history started policy process and or are ok okay freeze ran runs happened by at from looks works worked
    """
)

SECRET_PARTS = _words(
    """
    env printenv shadow netrc pgpass characters chars letters digits contents content keyring keychain unseal mot
    over environment environ rsa variables
    """
)

CHANGE_TRIGGERS = CHANGE | CHANGE_FOREIGN | CHANGED | CHANGE_NOUN

# Before a verb these make it a report or a plan of somebody, not an order.
SUBJECT = _words(
    """
    i we they he she it who that which i'll we'll they'll he'll she'll i'd we'd ich wir je nous yo eu io ik wij
    """
)

# Words that may stand before an ordered verb.
FILLER = _words(
    """
    please pls plz kindly just then and now also so but or first next finally immediately asap simply quickly
    directly maybe perhaps bitte svp hi hello hey team all everyone there ok okay thanks thx urgent important action
    todo request ops-warden warden you u someone somebody anyone anybody yes no well alright right and/or again
    always gently could can would will must should may shall base64 ensure
    """
)

# Before "to" these make the verb after it an order: "you to", "is it possible to".
BEFORE_TO = _words(
    """
    you u someone somebody anyone team possible able help warden proceed sure remember free time people them kind
    good nice sweet
    """
)

# Before a verb in -ing these make it an order: "would you mind sending".
BEFORE_GERUND = _words(
    """
    mind appreciate consider by grateful
    """
)

# Before a verb these forbid instead of ordering.
NEGATION = _words(
    """
    not never don't dont cannot can't won't didn't doesn't shouldn't nicht nie niemals jamais nunca mai nooit
    without n't pas
    """
)

# Verbs that change something only with a particle: "shut down".
PHRASAL = _words(
    """
    roll shut turn take spin tear blow kick cut bring switch
    """
)

PARTICLE = _words(
    """
    down off out up back over offline online
    """
)

# Acts that exchange a secret.
RENEW = _words(
    """
    rotate revoke regenerate renew reissue mint generate reset replace rotation
    """
)

# Verbs that are nouns at the start of a heading.
NOUN_LIKE = _words(
    """
    pull mail email leak post copy read export message text fetch
    """
)

ADDRESSED = _words("you u someone somebody anyone anybody")

MODAL = _words("can could would will must should may shall might need want")

POLITE = _words("please pls plz kindly bitte now then and also")

LOOK = _words("look check go open log search find take have see read dig ssh connect enter")

POLITE_ONLY = _words("please pls plz kindly bitte")

JOINING = _words("and or but so would will can could must should may")

IT = _words("it them that this those these")

# These with a particle are other acts: "sign in", "start from", "stop by".
WITH_PARTICLE = _words("sign open start load stop")

FINITE = _words(
    """
    was were is are has have had will went failed fails completed finished succeeded passed works worked happened
    reports ran runs looks
    """
)
