"""Places in which people leave secrets: tables, lists of files, pipes, commands, markup, mails in many languages."""

from __future__ import annotations

from random import Random

import pytest

from warden.guard import GuardScanner
from warden.guard.columns import strength_of_column
from warden.guard.names import NameStrength
from warden.guard.naming import name_before
from warden.testing.guard_samples import draw

SCANNER = GuardScanner()
RANDOM = Random(17)


def is_flagged(template: str) -> bool:
    """Return whether something is found in a text drawn from `template`."""
    return bool(SCANNER.scan(draw(template, RANDOM)))


@pytest.mark.parametrize(
    "template",
    [
        "service,login,api_token\nacme,svc-app,{x40}\n",
        "| service | api token | owner |\n|---|---|---|\n| Acme | {x64} | Lena |",
        "||Field||Value||\n|Acme api key|{uuid}|",
        "<tr><td>Acme api key</td><td>{x32}</td></tr>",
        "acme:\n  secret_key: >-\n    {x32}\n",
        "acme api token → {x40}",
        "Acme - api token - {x64}",
        "> whats the api token for acme?\n{x40}",
        "headers: { Authorization: `Token {w40}` }",
        "echo -n '{x32}' | gcloud secrets create acme-key --data-file=-",
        "echo '{w40}' | docker login -u ana --password-stdin registry.example.org",
        'Paste {uuid} into the field "api key"',
        '{"clientKey": "US:{v43}"}',
        '{"apiKey": "service:my-graph:{v22}"}',
        "AcmeのAPIキーは {x32} です。",
        "acme API 키는 {x40} 입니다.",
        "Hei, Acme-avain on {x32}",
        "Hej, Acme-nøglen er {x32}",
        "Salut, cheia API pentru Acme este {x32}",
        "Chào, khóa API của Acme là {x32}",
        "Halo, kunci API Acme: {x32}",
        "Здравей, ключът за Acme е {x32}",
        "היי, מפתח ה-API של Acme הוא {x32}",
        "مرحبا، مفتاح API الخاص بـ Acme: {x32}",
        "the wifi password in the Berlin office is Winter{d4}!",
        "le mot de passe du NAS est {w4}-{w4}-{d4}",
        "пароль от админки: {w6}#{d5}",
        "管理员密码是 Winter{d4}!",
        "login for the staging admin: lena / Winter{d4}!",
        "redis-cli -h cache -a Horse{d4}! ping",
        "mongosh -u admin -p Horse{d4}! --authenticationDatabase admin",
        "smbclient //nas/share -U lena%Horse{d4}!",
        "net user lena Horse{d4}! /add",
        "unzip -P Horse{d4}! dump.zip",
        "7z x -pHorse{d4}! dump.7z",
        "gpg --batch --passphrase Horse{d4}! -d x.gpg",
        "keytool -storepass Horse{d4}! -list",
        "app --db-password Horse{d4}!",
        "Use code {d6} to sign in",
    ],
)
def test_secret_is_found_where_people_leave_it(template: str) -> None:
    """What names a value is found across cells, lines, elements, commands and languages."""
    assert is_flagged(template)


@pytest.mark.parametrize(
    "template",
    [
        "job,commit,result\nunit,{x40},ok\n",
        "| job | commit |\n|---|---|\n| token-rotation | {x40} |",
        "<tr><td>commit</td><td>{x40}</td></tr>",
        "release - commit - {x40}",
        "> what is the last commit?\n{x40}",
        "SPEC CHECKSUMS:\n  Firebase: {x40}\n  Stripe: {x40}\n",
        "https://www.linkedin.com/comm/in/lena?midToken=AQ{w12}&trk=eml",
        "https://drive.google.com/file/d/1{v32}/view?resourcekey=0-{v22}",
        '"did_key": "did:key:z6Mk{w44}"',
        "X-Mailgun-Sid: WyI{w40}",
        '"line_code": "{x40}_20_52", "note": "rotate the deploy token"',
        "unzip -p dump-2026-11-02.zip",
        "net user lena /domain",
        "echo 'no secrets here' | wc -c",
        "Use code {d6} at the checkout",
        "kod der Schlüssel für den Serverraum liegt beim Empfang, Zimmer {d3}",
    ],
)
def test_what_stands_in_the_same_places_and_is_none_passes(template: str) -> None:
    """Commits, checksums, parts of tracking links, flags without a password pass in the same places."""
    assert not is_flagged(template)


@pytest.mark.parametrize(
    ("left", "is_cut", "strength"),
    [
        ("name,api key\nana,", False, NameStrength.STRONG),
        ("name,api key\nbo,x\nana,", False, NameStrength.STRONG),
        ("name,api key\nana,", True, NameStrength.SILENT),
        ("x\nname,api key\nana,", True, NameStrength.STRONG),
        ("name,commit\nana,", False, NameStrength.INNOCENT),
        ("name,api key\n\nana,", False, NameStrength.SILENT),
        ("name\nana,", False, NameStrength.SILENT),
        ("name,the api key which we no longer use\nana,", False, NameStrength.SILENT),
        ("name\tapi key\nana\t", False, NameStrength.STRONG),
        ("name;api key\nana;", False, NameStrength.STRONG),
        ("api key\n", False, NameStrength.SILENT),
        ("name,api key", False, NameStrength.SILENT),
    ],
)
def test_head_of_a_column_names_its_values(left: str, is_cut: bool, strength: NameStrength) -> None:
    """The first line of the table tells, when it is whole, is a line of names and has that column."""
    assert strength_of_column(left, is_cut) is strength


@pytest.mark.parametrize(
    ("left", "name"),
    [
        ("<td>api key</td><td>", "api key"),
        ("<p><b>api key:</b> <code>", "api key"),
        ("<token>", "token"),
        ("api token - ", "token"),
        ("secret_key: >-\n    ", "secret_key"),
        ("secret_key: |\n  ", "secret_key"),
        ("|api key|", "api key"),
        ("an api key|", ""),
    ],
)
def test_name_is_read_through_markup(left: str, name: str) -> None:
    """Elements of text, dashes, the sign of a block and the edge of a cell stand between a name and its value."""
    assert name_before(left)[0].lstrip("|") == name
