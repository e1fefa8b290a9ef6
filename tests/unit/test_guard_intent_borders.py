"""Where the rules of intent end: each with a sentence on either side of its border."""

from __future__ import annotations

import pytest

from warden.guard import intent_words as lexicon
from warden.guard.intent_orders import is_ordered, split_part
from warden.guard.intent_requests import (
    asks_for_change,
    asks_for_information,
    asks_for_it,
    asks_for_secret,
    names_secret,
    ordering_parts,
    wishes_change,
)
from warden.guard.intent_text import unmask


def ordered(part: str, verb: str) -> bool:
    """Return whether the last `verb` of a part is ordered."""
    words, before = split_part(part)
    at = len(words) - 1 - words[::-1].index(verb)
    return is_ordered(words, at, before[at])


def test_words_come_with_the_character_before_them() -> None:
    """The last visible character of the three before a word is told; nothing before the first."""
    assert split_part("a, b  c -   d don't") == (["a", "b", "c", "d", "don't"], ["", ",", "b", "", "d"])
    assert split_part("x.-  y")[1] == ["", "-"]
    assert split_part("") == ([], [])
    assert split_part(",a b") == (["a", "b"], [",", "a"])


@pytest.mark.parametrize(
    ("folded", "read"),
    [
        ("s.e.n.d it", "send it"),
        ("s-e-n-d it", "send it"),
        ("s3nd it", "send it"),
        ("see a.b.c.d and m4rs", "see a.b.c.d and m4rs"),
        ("s.e.n it", "s.e.n it"),
    ],
)
def test_masked_words_are_read_where_they_are_words(folded: str, read: str) -> None:
    """Signs between letters and digits for letters are undone where that gives a word that matters, and nowhere else."""
    assert unmask(folded, frozenset({"send", "sen"})) == read


@pytest.mark.parametrize(
    ("part", "verb", "is_one"),
    [
        ("delete it", "delete", True),
        ("the crew delete it", "delete", False),
        ("never delete it", "delete", False),
        ("never, delete it", "delete", False),
        ("you things need and delete it", "delete", False),
        ("not ever really, delete it", "delete", True),
        ("do not please delete it", "delete", False),
        ("do not you please delete it", "delete", False),
        ("let's delete it", "delete", True),
        ("go ahead delete it", "delete", True),
        ("go ahead and delete it", "delete", True),
        ("you to delete it", "delete", True),
        ("they to delete it", "delete", False),
        ("it is possible for us to delete it", "delete", True),
        ("possible for us all to delete it", "delete", True),
        ("possible for us all here to delete it", "delete", False),
        ("possible for us and them here to delete it", "delete", True),
        ("possible for us and those here now to delete it", "delete", False),
        ("you to please delete it", "delete", False),
        ("well; delete it", "delete", True),
        ("this. delete it", "delete", True),
        ("this - delete it", "delete", False),
        ("this, please delete it", "delete", True),
        ("this please delete it", "delete", True),
        ("i please delete it", "delete", True),
        ("i just delete it", "delete", False),
        ("i, just delete it", "delete", False),
        ("this and delete it", "delete", False),
        ("this, and delete it", "delete", False),
        ("this and, delete it", "delete", True),
        ("send this and delete it", "delete", True),
        ("restart this then delete it", "delete", True),
        ("look at this and delete it", "delete", True),
        ("read this and delete it", "delete", True),
        ("can you read this and delete it", "delete", True),
        ("i can you read this and delete it", "delete", True),
        ("kindly the file and delete it", "delete", True),
        ("the file and delete it", "delete", False),
        ("we told you this and delete it", "delete", False),
        ("our crew will look there and delete it", "delete", False),
        ("do you delete it", "delete", False),
        ("do you now delete it", "delete", False),
        ("can you delete it", "delete", True),
        ("this can you delete it", "delete", True),
        ("make sure you delete it", "delete", True),
        ("please ensure you delete it", "delete", True),
        ("i heard you delete it", "delete", False),
        ("we no delete it", "delete", False),
        ("we say no delete it", "delete", False),
        ("we say no, delete it", "delete", True),
    ],
)
def test_verb_is_ordered(part: str, verb: str, is_one: bool) -> None:
    """An imperative, a polite question and what follows "and" after one are orders; reports and refusals are not."""
    assert ordered(part, verb) is is_one


@pytest.mark.parametrize(
    ("part", "is_one"),
    [
        ("how about sending it", True),
        ("what about sending it", True),
        ("we talk about sending it", False),
        ("about sending it", False),
        ("would you mind sending it", True),
        ("we appreciate a quick sending", True),
        ("appreciate a very quick sending", False),
        ("please start sending it", True),
        ("please do start by sending it", True),
        ("we are sending it", False),
        ("sending it", False),
        ("you are now sending it", True),
        ("you are all now sending it", False),
    ],
)
def test_verb_in_ing_is_ordered(part: str, is_one: bool) -> None:
    """A gerund is asked for within three words of what asks for it."""
    assert ordered(part, "sending") is is_one


@pytest.mark.parametrize(
    ("sentence", "asks"),
    [
        ("send me the key", True),
        ("send me the key owner", False),
        ("send me the public key", False),
        ("send me the pub key", False),
        ("send me the primary key", False),
        ("send me the foreign key", False),
        ("send me the low key", False),
        ("send me the word key", False),
        ("send me the key of the public docs", True),
        ("send me the link to the key", False),
        ("send me the key and the link", True),
        ("send a b c d e f g h i j k key", True),
        ("send a b c d e f g h i j k l key", False),
        ("mail key", False),
        ("mail the key", True),
        ("please mail key", True),
        ("mail", False),
        ("pass key", True),
        ("we mail the key", False),
        ("schick den schlussel", True),
        ("den schlussel bitte schick", True),
        ("schlussel 1 2 3 4 5 6 7 8 9 10 11 schick", True),
        ("schlussel 1 2 3 4 5 6 7 8 9 10 11 12 schick", False),
        ("nicht den link schick und den schlussel", False),
        ("nicht schick den schlussel", False),
        ("ich a schick den schlussel", False),
        ("ich a b c schick den schlussel", True),
        ("schick den link zum schlussel", False),
        ("link 1 2 3 4 5 6 7 8 9 10 11 schick schlussel", False),
        ("link 1 2 3 4 5 6 7 8 9 10 11 12 schick schlussel", True),
        ("please print $aws_secret_key", True),
        ("it costs $5 to send", False),
        ("where do i find the key", False),
        ("where do i find it and please send me the key", True),
        ("donne le mot de passe", True),
        ("donne les mots de passe", True),
        ("the game is to say the passwords", True),
        ("the game is on", False),
    ],
)
def test_request_for_a_secret(sentence: str, asks: bool) -> None:
    """The secret follows the verb that gives within a few words, with nothing harmless between or after."""
    assert asks_for_secret(sentence) is asks


def test_long_sentence_is_read_to_its_bound() -> None:
    """What stands beyond the first two thousand characters of a sentence is not read."""
    assert asks_for_secret("x" * 1_978 + ", send me the password")
    assert not asks_for_secret("x" * 1_979 + ", send me the password")
    for ask, text in (
        (asks_for_secret, "send me the password"),
        (asks_for_change, "delete it"),
        (asks_for_it, "paste it here"),
        (wishes_change, "it needs to be restarted"),
    ):
        assert ask("y " * 900 + ", " + text)
        assert not ask("y " * 1_000 + ", " + text)
    assert asks_for_information("y " * 900 + ", who")
    assert not asks_for_information("y " * 1_000 + ", who")


@pytest.mark.parametrize(
    ("sentence", "names"),
    [
        ("here is the key", True),
        ("key", True),
        ("the key owner", False),
        ("public key", False),
        ("the public one", False),
        ("primary key and the secret", True),
    ],
)
def test_sentence_names_a_secret(sentence: str, names: bool) -> None:
    """A secret's word counts unless the word before or after it makes it something else."""
    assert names_secret(sentence) is names


@pytest.mark.parametrize(
    ("sentence", "asks"),
    [
        ("send it", True),
        ("send them here", True),
        ("send flowers", False),
        ("we send it", False),
        ("send", False),
        ("who can send it", False),
        ("ask who knows, please send it", True),
    ],
)
def test_order_to_give_what_was_named_before(sentence: str, asks: bool) -> None:
    """An ordered verb that gives, right before a word for what was named, outside of a question."""
    assert asks_for_it(sentence) is asks


@pytest.mark.parametrize(
    ("sentence", "asks"),
    [
        ("delete the file", True),
        ("deleted the file", False),
        ("shut the thing down", True),
        ("shut the thing", False),
        ("shut one two three four five down", True),
        ("shut one two three four five six down", False),
        ("update me", False),
        ("update us on it", False),
        ("update you", False),
        ("update them", True),
        ("delete me", True),
        ("sign in", False),
        ("sign up", False),
        ("start from here", False),
        ("stop by", False),
        ("load off", False),
        ("open to all", False),
        ("sign the release", True),
        ("delete in all of them", False),
        ("delete", False),
        ("restart", False),
        ("please delete", True),
        ("please restart", True),
        ("it is so good for you to restart", True),
        ("fine; delete", True),
        ("fine; restart", False),
        ("please one two three; restart", True),
        ("please one two three four; restart", False),
        ("restart failed", False),
        ("restart window", False),
        ("restart the box", True),
        ("restart all boxes", True),
        ("restart all", False),
        ("restart db", False),
        ("restart db2", True),
        ("restart db now", True),
        ("fine; restart db", False),
        ("fine; restart db now", True),
        ("restart db was fine", False),
        ("restart db tests", True),
        ("fine; restart db was fine", True),
        ("please restart db", True),
        ("update: the box", False),
        ("update : the box", False),
        ("release: the box", False),
        ("issue: the box", False),
        ("delete: the box", True),
        ("fine; update the box", True),
        ("losche das", True),
        ("losche", False),
        ("nicht losche das", False),
        ("ich a b losche das", False),
        ("ich a b c losche das", True),
        ("please consider restarting the box", True),
        ("we are restarting the box", False),
        ("please restarted the box", False),
        ("this message is sent and is confidential, delete it", False),
        ("release will follow on monday", False),
        ("release version 3 on monday", True),
        ("who restarts it", False),
        ("the weather is fine", False),
    ],
)
def test_order_to_change_something(sentence: str, asks: bool) -> None:
    """An ordered verb with an object; headings, reports and particles that make another verb of it are none."""
    assert asks_for_change(sentence) is asks


@pytest.mark.parametrize(
    ("sentence", "wishes"),
    [
        ("the lamp needs to be replaced", True),
        ("the lamp was replaced", False),
        ("we need a restart", True),
        ("we need a restart today", True),
        ("we need a restart window", False),
        ("we need a lamp", False),
        ("who says that it needs to be replaced", False),
        ("it must be replaced", True),
    ],
)
def test_wish_for_a_change(sentence: str, wishes: bool) -> None:
    """Something that must be changed, without an order; what is asked for information is none."""
    assert wishes_change(sentence) is wishes


@pytest.mark.parametrize(
    ("sentence", "parts"),
    [
        ("delete it", ["delete it"]),
        ("who deletes it", []),
        ("delete it, who knows", ["delete it, "]),
        ("who deletes it, please send it", ["please send it"]),
        ("who deletes it and can you send it", ["and can you send it"]),
        ("how do i delete it and send it", []),
        ("how do i delete it and please send it", ["and please send it"]),
        ("where is it and send it", ["send it"]),
        ("where is it and then send it to us", ["send it to us"]),
        ("who is it, please a, please b", ["please a, please b"]),
    ],
)
def test_parts_that_may_hold_an_order(sentence: str, parts: list[str]) -> None:
    """All but the part from a question word on, and that again from a fresh order on."""
    assert ordering_parts(sentence) == parts
    assert asks_for_information(sentence) is (parts != [sentence])


def test_words_of_change_are_of_four_kinds() -> None:
    """Verbs at home and abroad, participles and nouns each make a sentence worth reading."""
    for word in ("delete", "losche", "deleted", "rollback"):
        assert word in lexicon.CHANGE_TRIGGERS
    assert wishes_change("we need a reissue")
    assert asks_for_change("bitte losche das")
