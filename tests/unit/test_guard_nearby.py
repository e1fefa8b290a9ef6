"""Values that no name is assigned to: what stands near them, and where nothing does."""

from __future__ import annotations

from random import Random

import pytest

from warden.guard import GuardScanner
from warden.guard.bare import RULE_BARE, stands_bare
from warden.guard.names import NameStrength, is_innocent, strength_of
from warden.guard.nearby import is_announced, strength_after, strength_nearby, strength_of_command, strength_of_element
from warden.testing.guard_samples import draw

SCANNER = GuardScanner()
HEX, MIXED, LONG, CAPITALS = (draw(t, Random(6)) for t in ("{x32}", "{w32}", "{w40}", "{U24}"))
PASSWORD = "Winter4821!"


def is_found(text: str, value: str) -> bool:
    """Return whether a finding covers `value` in `text`."""
    start = text.index(value)
    return any(f.start <= start and f.end >= start + len(value) for f in SCANNER.scan(text))


@pytest.mark.parametrize(
    "text",
    [
        "Twilio - {v}",
        "Twilio — {v}",
        "Twilio\n{v}\n",
        "## Twilio\n\n{v}\n",
        "Twilio:\n{v}\n",
        "{v} (Twilio)",
        "twilio login {v}",
        "$ twilio-cli configure {v}",
        "Twilio::configure('{v}')",
        "const client = require('twilio')('{v}');",
        'Twilio.init("{v}")',
        "Please use {v} for Twilio from now on.",
        "Nimm {v} für Twilio, danke.",
        "Utilise {v} pour Twilio, merci.",
        'He wrote: "{v}" - that is our Twilio token.',
        "{v}, that's the new access key.",
        "The access key you asked for:\n\n{v}\n\nAna",
        "Hallo, der Twilio-Schlüssel lautet {v}, bitte nicht weitergeben.",
        "Das neue Zugangstoken ist {v}",
        "Bonjour, voici la clé Twilio : {v}",
        "Le jeton d'accès est {v}, merci.",
        "Hola, la clave de Twilio es {v}",
        "Ciao, la chiave di Twilio è {v}",
        "Oi, a chave do Twilio é {v}",
        "De sleutel voor Twilio is {v}",
        "Klucz do Twilio to {v}",
        "Twilio API 密钥：{v}",
        "<key>TwilioAuthToken</key>\n<string>{v}</string>",
        '<string name="twilio_auth_token">{v}</string>',
        "<entry key='twilio.token'>{v}</entry>",
        'gh secret set TWILIO_TOKEN --body "{v}"',
        'static NSString *const kTwilioKey = @"{v}";',
        "curl -u {v}: https://api.example.org/v1/items",
    ],
)
@pytest.mark.parametrize("value", [HEX, MIXED])
def test_finds_a_value_by_what_stands_near(text: str, value: str) -> None:
    """A service's name, a word for a secret in some language, a call, a command or an element tells what a value is."""
    assert is_found(text.replace("{v}", value), value)


@pytest.mark.parametrize(
    "text",
    [
        "GitHub\ncommit {v}\n",
        "github: see commit {v} for Twilio",
        "Twilio request id {v}",
        "twilio.checkout(order='{v}')",
        "https://api.twilio.com/v1/{v}/items",
        "<key>Checksum</key>\n<string>{v}</string>",
        '<string name="twilio_build_sha">{v}</string>',
        "the commit is {v} for GitHub",
        "deployed image {v} with Heroku",
        '"sub": "auth0|{v}"',
        "Via: 1.1 {v}.cloudfront.net (CloudFront)",
        "mail-{v}.google.com (mail-{v}.google.com [10.0.0.1])",
    ],
)
def test_passes_identifiers_near_a_service(text: str) -> None:
    """A service's name does not make a secret of what is called a commit, an id or a host."""
    assert SCANNER.scan(text.replace("{v}", HEX)) == ()


@pytest.mark.parametrize(
    "text",
    [
        "Use this one from now on: {v}",
        "Here you go {v}",
        "As discussed:\n\n{v}\n\nBest, Ana",
        "hi\n{v}\n",
        "- {v}\n- the other one comes tomorrow",
        '["{v}", "eu", 3]',
        "it is `{v}` for now",
        'try "{v}" instead',
        "(now {v})",
        "Nimm bitte ab jetzt {v} dafür.",
        "> {v}\n> is the one",
    ],
)
def test_finds_a_bare_value(text: str) -> None:
    """A long value drawn at random is found where a person hands it over, though nothing says what it is."""
    assert is_found(text.replace("{v}", LONG), LONG)
    assert RULE_BARE in {f.rule_id for f in SCANNER.scan(text.replace("{v}", LONG))}


_BASE64 = draw("{b60}", Random(1))


@pytest.mark.parametrize(
    "text",
    [
        LONG,
        f"  {LONG}\n",
        f'{{"widget": "{LONG}", "size": 3}}',
        f'{{"size": 3, "cursors": ["{LONG}"]}}',
        f"https://example.org/a/{LONG}/b",
        f"https://example.org/?u={LONG}",
        f"see <{LONG}@mail.example.org>",
        f"X-Trace: {LONG}",
        f"widget = {LONG}",
        f"--{LONG}\nContent-Type: text/plain\n",
        f"boundary line\n--{LONG}--\n",
        f"— ops-warden/1 {LONG}",
        f"{_BASE64}\n{LONG}\n{_BASE64}\n",
        f"+{_BASE64}\n+{LONG}\n",
        f"the message {LONG} was delivered",
        f"order {LONG} left the house",
        "the words are VGhpcyBpcyBvcmRpbmFyeSB0ZXh0 in base64",
        f"part_0_{draw('{uuid}', Random(4))}_AB here",
        f"it is {HEX} now",
        f"it is {CAPITALS} now",
        f"it is {draw('{w19}', Random(2))} now",
        f"it is {draw('{w101}', Random(2))} now",
        f"it is {draw('{w20}', Random(2))}/{draw('{w20}', Random(3))} now",
        f"it is %{LONG} now",
        f"${LONG} is set",
        "it is handleTheFirstRequestOfTheDay2 now",
    ],
)
def test_passes_what_is_no_bare_secret(text: str) -> None:
    """Fields of records, addresses, boundaries, encoded blocks, short, long and regular values are left alone."""
    assert SCANNER.scan(text) == ()


def test_lines_of_a_signature_have_no_names() -> None:
    """In a block of base64 the end of one line names nothing on the next, as it is and as JSON."""
    lines = draw("{b58}", Random(1)) + "/+aPWd", draw("{b64}", Random(2)), draw("{b62}Pt", Random(3))
    block = "-----BEGIN PGP SIGNATURE-----\n\n" + "\n".join(lines) + "\n-----END PGP SIGNATURE-----\n"
    assert SCANNER.scan(block) == ()
    assert SCANNER.scan(block.replace("\n", "\\n")) == ()


def test_padded_base64_may_hold_slashes() -> None:
    """Thirty-two random bytes in base64 are found bare, though a path is not."""
    value = "kQ7/3vZp+X9mT2bLw8RsYf1NcA6dHg4JoE0uVi5Kxq8="
    assert stands_bare(f"it is {value} now", 6, 6 + len(value))
    assert not stands_bare(f"it is {value[:-1]} now", 6, 5 + len(value))


@pytest.mark.parametrize(
    "text",
    [
        "jdbc:oracle:thin:app/{s}@//db.internal:1521/ORCL",
        "ldapsearch -x -D cn=admin,dc=example -w {s} -b dc=example",
        'sql.Open("mysql", "app:{s}@tcp(db.internal:3306)/app")',
        "new PDO('mysql:host=db;dbname=app', 'svc', '{s}');",
        "mysqli_connect($host, $user, '{s}')",
        "CREATE USER 'svc'@'%' IDENTIFIED BY '{s}';",
        "CREATE USER svc IDENTIFIED WITH caching_sha2_password BY '{s}';",
        "ALTER ROLE svc WITH LOGIN PASSWORD '{s}';",
        "docker login -u ana -p {s} registry.example.org",
        "net use Z: \\\\server\\share /user:ana {s}",
        "echo 'root:{s}' | sudo chpasswd",
        "htpasswd -cb .htpasswd ana {s}",
        'expect "Password:"\nsend "{s}\\r"',
        'new NetworkCredential("svc", "{s}")',
        "requests.get(url, auth=('svc', '{s}'))",
        'server.login("ana@example.org", "{s}")',
        "credentials: ana / {s}",
        "root / {s} on 10.0.0.4",
        "pw is {s}",
        "hasło to {s}",
        "şifre: {s}",
        "パスワード: {s}",
        "비밀번호: {s}",
        "lösenordet är {s}",
        "heslo: {s}",
        "пароль: {s}",
        "password changed to {s}",
        "the password has been reset to {s}",
        "DB_PASSWORD=mlgHiuNSixLD",
    ],
)
def test_finds_passwords_by_how_they_are_used(text: str) -> None:
    """Commands, statements, calls and words of many languages that carry a password give it away."""
    value = PASSWORD if "{s}" in text else "mlgHiuNSixLD"
    assert is_found(text.replace("{s}", value), value)


@pytest.mark.parametrize(
    "text",
    [
        "docker login -u ana registry.example.org",
        "docker login -u ana --password-stdin",
        "ALTER ROLE svc WITH LOGIN PASSWORD NULL;",
        "new PDO($dsn, $user, $password);",
        "requests.get(url, auth=(user, password))",
        "login: Administrator / remote-project-s3",
        "credentials: ana / operations",
        "net use Z: \\\\server\\share /user:ana /persistent:yes",
        "password changed to something else",
        "Das Passwort ist abgelaufen",
    ],
)
def test_passes_sign_ins_without_a_password(text: str) -> None:
    """The same commands and words without a value are no finding."""
    assert SCANNER.scan(text) == ()


@pytest.mark.parametrize(
    ("left", "right", "strength"),
    [
        ("Stripe ", "", NameStrength.PROVIDER),
        ("the Stripe commit ", "", NameStrength.SILENT),
        ("nothing ", "", NameStrength.SILENT),
        ("Stripe.setUp('", "')", NameStrength.PROVIDER),
        ("Stripe.order('", "')", NameStrength.SILENT),
        ("use ", " for Stripe please", NameStrength.PROVIDER),
        ("commit ", " for Stripe please", NameStrength.SILENT),
        ("use ", " for lunch", NameStrength.SILENT),
        ("", " is our access token", NameStrength.STRONG),
    ],
)
def test_reads_both_sides(left: str, right: str, strength: NameStrength) -> None:
    """What stands before counts first, then what stands after; words for identifiers undo a service's name."""
    assert strength_nearby(left, right) is strength


def test_reads_commands_elements_and_announcements() -> None:
    """A command of a service takes its secret; an element's name is its attribute's; a colon announces the next line."""
    assert strength_of_command("stripe login ") is NameStrength.STRONG
    assert strength_of_command("please login ") is NameStrength.SILENT
    assert strength_of_element('<string name="api_token">') is NameStrength.STRONG
    assert strength_of_element('<string name="api_token"') is NameStrength.SILENT
    assert strength_of_element("<b>") is NameStrength.SILENT
    assert strength_after("", " - that is our password") is NameStrength.PASSWORD
    assert is_announced("here is the token:\n", 72)
    assert not is_announced("here is the token:", 72)
    assert not is_announced("here is the token\n", 72)
    assert not is_announced("the token is old. see this:\n", 72)


@pytest.mark.parametrize(
    ("name", "strength"),
    [
        ("stripe key", NameStrength.STRONG),
        ("some key", NameStrength.WEAK),
        ("clave de Twilio", NameStrength.STRONG),
        ("clave", NameStrength.WEAK),
        ("Schlüssel", NameStrength.WEAK),
        ("密码", NameStrength.PASSWORD),
        ("hasło", NameStrength.PASSWORD),
        ("비밀번호", NameStrength.PASSWORD),
        ("トークン", NameStrength.STRONG),
        ("jeton", NameStrength.STRONG),
    ],
)
def test_names_in_other_languages(name: str, strength: NameStrength) -> None:
    """Names of other languages say as much as English ones; a service's own key is a secret."""
    assert strength_of(name) is strength


def test_words_for_identifiers() -> None:
    """A sentence that speaks of a commit or a page's token speaks of no secret."""
    assert is_innocent("the commit of today")
    assert is_innocent("next page token")
    assert not is_innocent("use this from now on")
