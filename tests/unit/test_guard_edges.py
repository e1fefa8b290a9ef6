"""The guard's thresholds: on each side of every length and likeness that decides."""

from __future__ import annotations

from base64 import b32encode
from itertools import pairwise
from random import Random
from re import fullmatch, search

import pytest

from warden.errors import InputError
from warden.guard import GuardScanner
from warden.guard.assignment import find_assigned
from warden.guard.formats import find_split
from warden.guard.forms import gaps as squeezing
from warden.guard.known import KnownSecrets, enrolled_forms, make_fingerprint, refuse_weak
from warden.guard.names import NameStrength, strength_of
from warden.guard.regions import as_text, text_regions
from warden.guard.rule import pattern_of
from warden.guard.shape import is_random, word_likeness
from warden.guard.structures import STRUCTURE_RULES
from warden.guard.tokens import token_rules
from warden.testing.guard_samples import draw

SCANNER = GuardScanner()


def found(text: str) -> list[str]:
    """Return what is found in `text`."""
    return [text[f.start : f.end] for f in SCANNER.scan(text)]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("password: abc!defg", "abc!defg"),
        ("password: abc!def", ""),
        ("the password is xkqzvwjp", "xkqzvwjp"),
        ("the password is xkqzvwj", ""),
        ('password = "xKqzvw-jp"', "xKqzvw-jp"),
        ("password: abc1de", "abc1de"),
        ("password: abc1d", ""),
        ("secret: Ab3!defghi", "Ab3!defghi"),
        ("secret: Ab3!defgh", ""),
        ("secret: 3456!7890123", ""),
        ("password: mlgHiuNSix", "mlgHiuNSix"),
        ("password: mlgHiuNSi", ""),
        ("the password is mlgHiuNSix", ""),
        ("password: (abc1def", ""),
        ("password: settings.password_one", ""),
        ("password: get(xyz)9", ""),
        ("password: abc.defg.hij", ""),
        ("password: abc.def9.hij", "abc.def9.hij"),
    ],
)
def test_lengths_of_passwords(text: str, value: str) -> None:
    """What is written like a password needs six characters, eight or ten, by how little else speaks for it."""
    assert found(text) == ([value] if value else [])


@pytest.mark.parametrize(
    ("value", "is_found"),
    [("blue7Horse", True), ("blue7-horse!", True), ("blue7horse", False), ("BlueHorse", False), ("1234-5678!", False)],
)
def test_what_stands_behind_an_account_is_a_password_when_it_is_written_like_one(value: str, is_found: bool) -> None:
    """Beside an account, letters with digits count, with a sign or a capital inside; two names side by side do not."""
    assert found(f"credentials: ana / {value}") == ([value] if is_found else [])


@pytest.mark.parametrize(("size", "is_found"), [(19, False), (20, True), (21, True)])
def test_hexadecimal_digits_of_a_service(size: int, is_found: bool) -> None:
    """Under the mere name of a service, twenty hexadecimal digits count."""
    assert bool(found(f"twilio = {draw(f'{{x{size}}}', Random(1))}")) is is_found


@pytest.mark.parametrize(("value", "is_found"), [("Kd8sQ2mZx7Lw4Rt", False), ("Kd8sQ2mZx7Lw4Rt9", True)])
def test_random_letters_of_a_service(value: str, is_found: bool) -> None:
    """Under the mere name of a service, sixteen letters and digits drawn at random count."""
    assert bool(found(f"twilio = {value}")) is is_found


@pytest.mark.parametrize(("size", "is_found"), [(23, False), (24, True)])
def test_hexadecimal_digits_of_some_key(size: int, is_found: bool) -> None:
    """Under the name of some key, twenty-four hexadecimal digits count; a UUID does not."""
    assert bool(found(f"some_key = {draw(f'{{x{size}}}', Random(1))}")) is is_found
    assert found(f"some_key = {draw('{uuid}', Random(1))}") == []


@pytest.mark.parametrize(("value", "is_found"), [("Kd8sQ2mZx7Lw4Rt", False), ("Kd8sQ2mZx7Lw4Rt9", True)])
def test_random_letters_after_words_of_a_secret(value: str, is_found: bool) -> None:
    """After words that speak of a secret, sixteen characters drawn at random count."""
    assert bool(found(f"here is the token, careful: see {value}")) is is_found


@pytest.mark.parametrize("size", [127, 128, 129, 400])
@pytest.mark.parametrize("form", ["w", "x"])
def test_long_values_need_a_name_like_short_ones(size: int, form: str) -> None:
    """However long a value is, the name of a secret makes it one, and the name of an id makes it none."""
    value = draw(f"{{{form}{size}}}", Random(3))
    for named in (f"twilio = {value}", f"acme_token: {value}", f"the token is {value}"):
        assert value in found(named)
    for other in (f"commit_id: {value}", f"see {value} there"):
        assert found(other) == []


@pytest.mark.parametrize("value", ["admin-2024-hook7x", "kube3-hook42-blue"])
@pytest.mark.parametrize(("subject", "is_found"), [("token", True), ("invoice", False)])
def test_what_a_sentence_announces_need_not_look_random(value: str, subject: str, is_found: bool) -> None:
    """Below a sentence that announces a secret, letters and digits mixed count, also when they are put together of words."""
    assert found(f"this is the {subject} for the staging machine:\n{value}") == ([value] if is_found else [])


@pytest.mark.parametrize("name", ["token_type", "token_type_x", "token_x_type", "password_field_color"])
def test_a_name_that_goes_on_names_something_else(name: str) -> None:
    """A word for a property behind the secret's word, first or last of what follows, makes it the name of no secret."""
    assert strength_of(name) is NameStrength.INNOCENT


def test_the_name_of_a_token_makes_an_identifier_one() -> None:
    """A UUID and a run of hexadecimal digits are secrets under the name of a token."""
    for form in ("{uuid}", "{x14}"):
        value = draw(form, Random(3))
        assert found(f"acme_token: {value}") == [value]


def test_places_of_codes_are_exact() -> None:
    """A code is covered exactly, also far into a text."""
    text = "word " * 40 + "482913 is your login code"
    assert found(text) == ["482913"]
    assert found("word " * 40 + "your login code is 482913 now") == ["482913"]
    assert found("word " * 40 + "482913 is your login cod") == []


def test_letters_without_digits_can_be_drawn() -> None:
    """A bearer's token of letters only counts when they do not follow each other as in words."""
    assert found("Bearer xKqzWvJpTrmBnLdHgFcS") != []
    assert found("Bearer authenticationrequired") == []


def test_clone_addresses_pass() -> None:
    """What follows a host and a colon is a path there when it has a slash, and may be a secret when it has none."""
    path = "Kd8sQ2mZx7Lw/4Rt9VbN3cY6hJ"
    assert list(find_assigned(f"git@example.org:{path}")) == []
    assert found(f"the token of git@example.org:{path}") == []


@pytest.mark.parametrize("at", [0, 1, 7, 8, 9])
def test_a_value_at_either_end_is_known(at: int) -> None:
    """A held value of the least length is found when it is all there is, and with anything before or behind it."""
    value = b"Kd8sQ2mZ"
    known = KnownSecrets(b"", (), (value,))
    assert list(known.find(b"." * at + value)) == [(at, at + 8)]
    assert list(known.find(value + b"." * at)) == [(0, 8)]


def test_likeness_counts_every_pair() -> None:
    """Pairs of letters count from the first letter of the alphabet on; other characters separate."""
    assert word_likeness("an") > 0
    assert word_likeness("a") == word_likeness("1-2") == 0.0
    assert word_likeness("th1er") == pytest.approx((word_likeness("th") + word_likeness("er")) / 2)


def test_twelve_characters_can_be_random() -> None:
    """Below twelve characters nothing is called random."""
    assert is_random("Kd8sQ2mZx7Lw")
    assert not is_random("Kd8sQ2mZx7L")


def test_rules_are_numbered_by_provider() -> None:
    """A provider's first format has its name, the others a number from two on."""
    ids = [rule.rule_id for rule in token_rules() if rule.provider == "github"]
    assert ids[:3] == ["github", "github-2", "github-3"]
    assert len({rule.rule_id for rule in STRUCTURE_RULES}) == len(STRUCTURE_RULES)


@pytest.mark.parametrize("at", [0, 1, 16_384 - 8, 16_384 - 7, 16_384])
def test_an_enrolled_value_of_the_least_length_is_known_wherever_it_ends(at: int) -> None:
    """A value of eight bytes is found when it is all there is, and at the end of data that is looked at in pieces."""
    value = b"Kd8sQ2mZ"
    known = KnownSecrets(b"k" * 32, [make_fingerprint(b"k" * 32, "one", value)])
    assert list(known.find(b"." * at + value)) == [(at, at + 8)]


def test_values_of_the_greatest_and_least_length_can_be_enrolled() -> None:
    """Up to 64 KiB a value is enrolled, and digits from twelve on; one byte more is a file, and the message says so."""
    greatest = bytes(range(256)) * 256
    refuse_weak(greatest)
    refuse_weak(b"384756102938")
    with pytest.raises(InputError, match="over 65536 bytes"):
        refuse_weak(greatest + b"x")


@pytest.mark.parametrize("escape", [r"\U0010FFFF", r"\U00110000", r"\u{10ffff}", r"\u{110000}", r"\UFFFFFFFF"])
def test_escapes_beyond_the_last_character_break_nothing(escape: str) -> None:
    """An escape that names no character is no finding, and what stands beside it is found."""
    token = draw("ghp_{w36}", Random(5))
    assert found(f"see {escape} there") == []
    assert token in found(f"see {escape} {token}")


@pytest.mark.parametrize(
    "form", ["1/{d16}:{x32}", "1//0{v60}", "ghp_{w36}", "AKIA{u16}", "{w14}.atlasv1.{w64}", "{x32}-us12"]
)
def test_no_format_begins_inside_a_word(form: str) -> None:
    """A format that begins with a letter or digit is not found where a word goes on into it."""
    token = draw(form, Random(5))
    rules = [rule for rule in token_rules() if fullmatch(pattern_of(rule), token)]
    assert rules
    assert not any(search(pattern_of(rule), f"see x{token} there") for rule in rules)


def test_a_form_without_gaps_is_kept_from_eight_bytes_on() -> None:
    """What is left of a value without its gaps is looked for as well, unless so little is left that ordinary text has it."""
    assert enrolled_forms(b"Kd8s Q2mZ") == (b"Kd8s Q2mZ", b"Kd8sQ2mZ")
    assert enrolled_forms(b"Kd8 Q2mZ") == (b"Kd8 Q2mZ",)


def test_mixed_letters_without_digits_can_be_random() -> None:
    """Letters that change between small and capital at every second place are drawn, however they follow each other."""
    assert is_random("NgNOoBhEDgHUdRiZmIOs")
    assert not is_random("NgNOoBhEDgHUdRiZmIOs".lower())


@pytest.mark.parametrize(("different", "is_found"), [(8, False), (9, True)])
def test_a_recovery_phrase_has_different_words(different: int, is_found: bool) -> None:
    """Twelve words of which nine differ are a phrase; the same few over and over are not."""
    words = ["abandon", "ability", "actor", "magnet", "ozone", "prosper", "rival", "tunnel", "velvet"][:different]
    assert bool(found(f"seed phrase: {' '.join([*words, *['actor'] * (12 - different)])}")) is is_found


@pytest.mark.parametrize("more", ["", "A", "ABC", "ABCDEF"])
def test_letters_behind_base32_take_nothing_of_it(more: str) -> None:
    """A run whose length no base32 has is read up to the last whole byte."""
    run = b32encode(b"some twenty byte text").decode().rstrip("=")[:32] + more
    assert any("some twenty byte tex" in one.text for one in text_regions(f"see {run} there"))


@pytest.mark.parametrize("gaps_at", [(9,), (9, 14), (6, 12, 18, 24, 30)])
@pytest.mark.parametrize("gap", ["\n", "-\n    ", '" + "'])
def test_a_token_in_pieces_is_covered_from_its_first_to_its_last(gaps_at: tuple[int, ...], gap: str) -> None:
    """However many gaps a token has, the finding ends where its last piece does."""
    token = draw("ghp_{w36}", Random(5))
    pieces = [token[start:end] for start, end in pairwise((0, *gaps_at, len(token)))]
    carried = gap.join(pieces)
    spans = {(f.start, f.end) for f in find_split(f"see {carried} there", squeezing())}
    assert spans == {(4, 4 + len(carried))}


@pytest.mark.parametrize(("controls", "is_one"), [(0, True), (1, True), (2, False)])
def test_bytes_with_few_controls_are_text(controls: int, is_one: bool) -> None:
    """Letters beyond ASCII are text with one control character in sixteen, and something else with more."""
    plain = "é" * (16 - controls) + "\x01" * controls
    assert as_text(plain.encode()) == (plain if is_one else "")


@pytest.mark.parametrize("prefix", ["hf_", "re_", "fw_"])
def test_short_prefixes_are_tried(prefix: str) -> None:
    """A format whose prefix is one or two letters before a sign is found like the others, reversed as well."""
    (rule,) = [rule for rule in token_rules() if rule.template.startswith(prefix)][:1]
    value = draw(rule.template, Random(5))
    assert value in found(f"see {value} there")
    assert value[::-1] in found(f"see {value[::-1]} there")
