"""Generic detection: what a name and a value say together."""

from __future__ import annotations

from random import Random

import pytest

from warden.guard import GuardScanner
from warden.guard.names import NameStrength, strength_of
from warden.guard.naming import name_before
from warden.guard.shape import entropy, is_hex, is_random, is_stand_in, is_uuid, word_likeness
from warden.testing.guard_samples import STYLES, draw, fill

SCANNER = GuardScanner()
HEX, MIXED, IDENTITY = (draw(t, Random(2)) for t in ("{x40}", "{w28}", "{uuid}"))


@pytest.mark.parametrize("style", sorted(STYLES))
@pytest.mark.parametrize(
    "value", [HEX, MIXED, draw("{v43}", Random(4)), draw("{l32}", Random(5)), draw("{x32}", Random(6))]
)
def test_finds_a_value_in_every_style(style: str, value: str) -> None:
    """A value without any known format is found in each style of writing it down, by its name alone."""
    text, start = fill(style, "stripe", "api_key", value)
    found = SCANNER.scan(text)
    assert any(f.start <= start and f.end >= start + len(value) for f in found), text


@pytest.mark.parametrize(
    "text",
    [
        f"commit {HEX}",
        f'"sha": "{HEX}", "node_id": "MDEwOlJlcG9zaXRvcnkxODY4NTMwMDI="',
        f'"id": "{IDENTITY}"',
        f"request_id={IDENTITY}",
        f"sha256:{draw('{x64}', Random(1))}",
        f"image: registry/app@sha256:{draw('{x64}', Random(1))}",
        f'"integrity": "sha512-{draw("{b86}", Random(1))}=="',
        f"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI{draw('{b43}', Random(1))} ana@laptop",
        f"SHA256:{draw('{b43}', Random(1))}",
        f"public_key = {draw('{b43}', Random(1))}=",
        f"key_id: {draw('{U20}', Random(1))}",
        f'"next_page_token": "{draw("{v40}", Random(1))}"',
        f'"idempotency_key": "{IDENTITY}"',
        f"data:image/png;base64,{draw('iVBORw0KGgo{b400}', Random(1))}",
        f"ULID {draw('01{U24}', Random(1))}",
        "call +49 30 12345678 about order 4500012345",
        "password reset link was sent; the password is required, the token expired",
        "token_type=bearer tokens_used=128000 max_tokens: 4096",
        "api_key = os.environ['ACME_API_KEY']",
        "password: ${DB_PASSWORD}  token: {{ vault_token }} secret=$SECRET api_key=<your api key>",
        "secret://ops/acme/api-key is the reference; password: secret://ops/acme/password",
        "Authorization: Bearer <token>",
        "def get_access_token(self, token_provider): return self.token_provider.get_token()",
        "https://github.com/acme/token-service/blob/main/src/password_manager/api_key.py#L10-L20",
        "!function(e,t){var n=e.document,r=t.key||n.token;for(var i=0;i<r.length;i++)a(r[i])}(window,{key:1})",
        f"{HEX[:7]}..{HEX[7:14]}",
        f"| key-rotation | {HEX} |",
        "primary key id=123456789012345678",
        "exit code is 137, HTTP status code: 4040, zip code: 10115",
        "the license key file is LICENSE-MIT-2.0.txt",
        "author: 0123456789abcdef0123456789abcdef",
        "a turkey named monkey_0a1b2c3d4e5f6a7b8c9d",
    ],
)
def test_passes_what_only_looks_like_it(text: str) -> None:
    """Identifiers, digests, public keys, references and words about secrets are none."""
    assert SCANNER.scan(text) == ()


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("the password is hunter2!", "password"),
        ("password: Tr0ub4dor&3", "password"),
        ("DB_PASSWORD=s3cr3t-pw", "password"),
        ("Das Passwort lautet Sommer2024!", "password"),
        ("la contraseña es Verano2024!", "password"),
        ("пароль: Zima2024!", "password"),
        ("mysql -u root -psecr3tpw app", "password"),
        ("mysql --password=secr3tpw app", "password"),
        ("sshpass -p 'secr3t pw' ssh host", "password"),
        ("your verification code is 482913", "one_time_code"),
        ("482 913 is your login code", "one_time_code"),
        ("OTP: 482913", "one_time_code"),
        ("recovery phrase: apple brave cloud delta eagle flame grape house index jolly knife lemon", "recovery_phrase"),
        (f"postgres://svc:{draw('{w12}', Random(1))}@db/app", "url_password"),
        (f"curl -u admin:{draw('{w12}', Random(1))} https://x.example.org", "password"),
        ("machine api.example.org login jo password pl4inpw", "password"),
    ],
)
def test_finds_what_people_write(text: str, kind: str) -> None:
    """Passwords, codes and phrases in sentences and on command lines are found under their kind."""
    assert kind in {finding.kind for finding in SCANNER.scan(text)}


@pytest.mark.parametrize(
    ("left", "name"),
    [
        ('const acmeKey = "', "acmeKey"),
        ("ACME_TOKEN=", "ACME_TOKEN"),
        ('{"api_key": "', "api_key"),
        ("x: acme --api-key ", "api-key"),
        ('acme_key: str = "', "acme_key"),
        ("<apiKey>", "apiKey"),
        ('os.Setenv("ACME_TOKEN", "', "ACME_TOKEN"),
        ("Authorization: Bearer ", "Authorization"),
    ],
)
def test_reads_the_name(left: str, name: str) -> None:
    """The name of a value is read from the many ways of assigning one."""
    assert name_before(left) == (name, True)


@pytest.mark.parametrize(
    ("name", "strength"),
    [
        ("DB_PASSWORD", NameStrength.PASSWORD),
        ("clientSecret", NameStrength.STRONG),
        ("X-Api-Key", NameStrength.STRONG),
        ("APIKEY", NameStrength.STRONG),
        ("acmeKey", NameStrength.WEAK),
        ("twilio", NameStrength.PROVIDER),
        ("volume", NameStrength.SILENT),
        ("", NameStrength.SILENT),
        ("token_type", NameStrength.INNOCENT),
        ("public_key", NameStrength.INNOCENT),
        ("github_sha", NameStrength.INNOCENT),
        ("password_reset_at", NameStrength.INNOCENT),
        ("buildkite_token", NameStrength.STRONG),
        ("surveymonkey_token", NameStrength.STRONG),
        ("algolia_admin_key", NameStrength.STRONG),
        ("secret_key_base", NameStrength.STRONG),
    ],
)
def test_judges_names(name: str, strength: NameStrength) -> None:
    """A name is judged by all of its words: what it is of, and what it is about."""
    assert strength_of(name) is strength


def test_judges_shapes() -> None:
    """Random strings are told from words, names, digests and stand-ins."""
    assert is_uuid(IDENTITY)
    assert not is_uuid(HEX)
    assert is_hex(HEX)
    assert not is_hex("xyz")
    assert is_random(MIXED)
    assert not any(
        map(
            is_random,
            (
                "internationalization",
                "getAccessTokenFromRequest",
                "src/warden/guard/shape.py",
                "short1",
                "123456789012",
            ),
        )
    )
    assert all(
        map(
            is_stand_in,
            ("xxxxxxxx", "<token>", "${TOKEN}", "your-api-key", "changeme", "********", "aaaaaaaaaaaa", "secret://a/b"),
        )
    )
    assert not is_stand_in(MIXED)
    assert entropy("") == 0.0
    assert entropy("ab") == 1.0
    assert word_likeness("information") > 0.8 > word_likeness("qzxjvkqwpf")
    assert word_likeness("12") == 0.0


@pytest.mark.parametrize(
    "text",
    [
        '"ssh_url": "git@github.com:wolfram1/github-events-4schemas.git"',
        "git clone git@gitlab.com:team42/gitlab-runner-x9k2m4.git",
        f"https://files.example/a?X-Amz-Credential={draw('AKIA{u16}', Random(3))}%2F20190509%2Fus-east-1%2Fs3&x=1",
        f'{{"id": "{HEX[:32]}", "token": "{HEX[:32]}", "items": []}}',
        f'{{"admin_id": "gid://acme/PaymentMethod/{HEX[:32]}", "token": "{HEX[:32]}"}}',
        f'{{"quantity": 4, "key": "704912205188288575:{HEX[:32]}"}}',
        "reset it with the update-passwd utility",
        "base-passwd (3.5.52) unstable; urgency=low",
        "\t* g10/delkey.c (do_delete_secret_key): Check the token.",
        "pass `SSL_OP_NO_TLSv1_2` to the context",
        f"gpg --recv-keys {HEX.upper()}",
        f"![coverage](https://cov.example/gh/a/b/graph/badge.svg?token={draw('{w10}', Random(8))})",
    ],
)
def test_passes_addresses_and_identifiers(text: str) -> None:
    """Clone addresses, key ids in scopes, ids that double as tokens, names of files and public pictures pass."""
    assert SCANNER.scan(text) == ()


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (f'{{"provider": "datadog", "key": "{HEX[:32]}"}}', HEX[:32]),
        (f'{{"id": 7, "token": "{HEX[:32]}"}}', HEX[:32]),
        (f"vault_secret_id = {IDENTITY}", IDENTITY),
        ("| `DB_PASSWORD` | `9Uw5AFC6#2RDlkXI` |", "9Uw5AFC6#2RDlkXI"),
        (f"key={draw('AAAA{v7}:APA91b{v134}', Random(9))}", "APA91b"),
        ("SECRET_KEY = 'django-insecure-4t@7sjmxr5z*#(%6za8y7@95m2ub3a0ax0tvy^z4mjs@y90c9l'", "4t@7sjmxr5z*#("),
        ("ana@acme.example, mail password: Tr0ub4dor&Zebra9", "Tr0ub4dor&Zebra9"),
    ],
)
def test_finds_what_only_resembles_an_identifier(text: str, value: str) -> None:
    """What makes an identifier pass does not let a secret of the same look pass."""
    start = text.rindex(value)
    assert any(f.start <= start < f.end for f in SCANNER.scan(text)), text
