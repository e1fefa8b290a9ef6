"""The catalogue's format: what is read, and what is refused with its line and a way out."""

from __future__ import annotations

from pathlib import Path

import pytest

from warden.documents.catalog import MAX_ANSWER_BYTES, MAX_ENTRIES, MAX_FILE_BYTES, load_catalog
from warden.errors import DocumentError
from warden.model.digests import digest_bytes

SHIPPED = Path(__file__).resolve().parents[2] / "charter" / "catalog.yaml"
MINIMAL = "entries:\n- id: a\n  title: T\n  owner: o\n  answer: Go there.\n"


def refusal(text: str) -> DocumentError:
    """Return the error that a catalogue is refused with."""
    with pytest.raises(DocumentError) as caught:
        load_catalog(text.encode("utf-8", "surrogatepass"), "c.yaml")
    return caught.value


def test_a_minimal_entry_gets_the_defaults() -> None:
    """Id, title, owner and answer are enough; the scope is `route`."""
    catalog = load_catalog(MINIMAL.encode(), "c.yaml")
    entry = catalog.entries[0]
    assert (entry.id, entry.title, entry.owner, entry.answer, entry.scope) == ("a", "T", "o", "Go there.", "route")
    assert (entry.topics, entry.aliases, entry.questions, entry.links) == ((), (), (), ())
    assert catalog.digest == digest_bytes(MINIMAL.encode())


def test_words_that_other_readers_turn_into_values_stay_words() -> None:
    """`NO` and `on` are words here, and whole numbers are taken as written."""
    catalog = load_catalog((MINIMAL + "  topics: [NO, on, 401]\n  aliases: null\n  scope: own\n").encode(), "c.yaml")
    assert catalog.entries[0].topics == ("NO", "on", "401")
    assert catalog.entries[0].scope == "own"


@pytest.mark.parametrize(
    ("text", "place", "message", "hint"),
    [
        ("", "c.yaml:1", "not a mapping", "key: value"),
        ("- a\n", "c.yaml:1", "not a mapping", "key: value"),
        ("entries: []\n", "c.yaml:1", "no entries", "at least one"),
        ("entires:\n- {}\n", "c.yaml:1", "unknown key `entires`", "`entries`"),
        (MINIMAL + "  awnser: x\n", "c.yaml:6", "unknown key `awnser`", "`answer`"),
        (MINIMAL + "  zzz: x\n", "c.yaml:6", "unknown key `zzz`", "known keys: id"),
        (MINIMAL + "  title: again\n", "c.yaml:6", "title", ""),
        (MINIMAL + MINIMAL.removeprefix("entries:\n"), "c.yaml:6", "`a` is used twice", "another id"),
        (MINIMAL + MINIMAL.removeprefix("entries:\n").replace("id: a", "id: A"), "c.yaml:6", "`A` is used twice", ""),
        (MINIMAL.replace("  owner: o\n", ""), "c.yaml:2", "has no `owner`", "`owner:`"),
        (MINIMAL.replace("Go there.", "' '"), "c.yaml:5", "answer of entry `a` is empty", "fill it in"),
        (MINIMAL.replace("Go there.", "x" * (MAX_ANSWER_BYTES + 1)), "c.yaml:5", "longer than", "shorten"),
        (MINIMAL.replace("Go there.", "\u00e9" * MAX_ANSWER_BYTES), "c.yaml:5", "over 8192 bytes", "shorten"),
        (MINIMAL.replace("id: a", "id: 'a b'"), "c.yaml:2", "`a b` is not acceptable", "letters"),
        (MINIMAL.replace("title: T", "title: 'T\u202eX'"), "c.yaml:3", "direction character", "remove"),
        (MINIMAL.replace("title: T", 'title: "T\\nX"'), "c.yaml:3", "more than one line", "one line"),
        (MINIMAL.replace("title: T", "title: [T]"), "c.yaml:3", "not a text", "one string"),
        (MINIMAL.replace("title: T", "title: 1.50"), "c.yaml:3", "not a text", "quotes"),
        (MINIMAL.replace("title: T", "title: true"), "c.yaml:3", "not a text", "quotes"),
        (MINIMAL + "  topics: ssh\n", "c.yaml:6", "`topics` of entry `a` is not a list", "- "),
        (MINIMAL + "  topics: [" + "a, " * 65 + "]\n", "c.yaml:6", "more than 64 items", ""),
        (MINIMAL + "  scope: mine\n", "c.yaml:6", "scope `mine`", "`route` or `own`"),
        (MINIMAL + "  links: ['http://x.example/']\n", "c.yaml:6", "link `http://x.example/`", "https://"),
        (MINIMAL + "  links: ['https://user:pw@x.example/']\n", "c.yaml:6", "not acceptable", "https://"),
        (MINIMAL + "  links: ['javascript:alert(1)']\n", "c.yaml:6", "not acceptable", "https://"),
        (MINIMAL + "  links: ['../../etc/passwd']\n", "c.yaml:6", "not acceptable", "https://"),
        (MINIMAL.replace("- id", "- &x\n  id") + "- *x\n", "c.yaml", "alias", ""),
        ("[" * 500, "c.yaml", "", ""),
    ],
)  # fmt: skip
def test_what_is_not_of_the_format_is_refused_with_its_line(text: str, place: str, message: str, hint: str) -> None:
    """Each refusal names file and line, quotes what is wrong and says what to do."""
    error = refusal(text)
    assert str(error).startswith(place)
    assert message in str(error)
    assert hint in error.hint


def test_sizes_are_bounded() -> None:
    """A file or a list of entries over the bound is refused before it is taken apart."""
    assert "bytes" in str(refusal("#" * (MAX_FILE_BYTES + 1)))
    many = "entries:\n" + "".join(f"- {{id: e{n}, title: T, owner: o, answer: a}}\n" for n in range(MAX_ENTRIES + 1))
    assert "more than 2000 items" in str(refusal(many))


@pytest.mark.parametrize("data", [b"\xff\xfe", b"entries: \x00", b"\xed\xa0\x80", b"a: b: c", b"\t- x"])
def test_bytes_that_are_no_yaml_are_refused(data: bytes) -> None:
    """Broken encodings, control bytes and broken syntax are refusals, not tracebacks."""
    with pytest.raises(DocumentError):
        load_catalog(data, "c.yaml")


def test_https_links_and_plain_paths_are_kept() -> None:
    """Links go out with the answer, one a line."""
    text = MINIMAL + "  links: ['https://wiki.example/ssh?a=b#c', docs/ssh.md]\n"
    entry = load_catalog(text.encode(), "c.yaml").entries[0]
    assert entry.reply_body == "Go there.\n\nhttps://wiki.example/ssh?a=b#c\ndocs/ssh.md"


def test_the_shipped_catalogue_is_whole() -> None:
    """Over forty entries, SSH certificates our own, everything else routed, and no answer that is empty of advice."""
    catalog = load_catalog(SHIPPED.read_bytes(), "charter/catalog.yaml")
    assert len(catalog.entries) >= 40
    own = {entry.id for entry in catalog.entries if entry.scope == "own"}
    assert own == {"ssh-certificate", "ssh-host-certificate"}
    assert all(entry.questions and entry.aliases and len(entry.answer) > 60 for entry in catalog.entries)
    assert all(entry.owner in entry.answer for entry in catalog.entries)
