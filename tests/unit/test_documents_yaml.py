"""The strict YAML reader: what values mean, what is refused and where, and that nothing hangs or crashes it."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from warden.documents.emit import emit_yaml
from warden.documents.yaml import DEFAULT_LIMITS, YamlLimits, load_yaml
from warden.errors import DocumentError

VALUES = [
    ("true", True),
    ("True", True),
    ("FALSE", False),
    ("yes", "yes"),
    ("NO", "NO"),
    ("on", "on"),
    ("~", None),
    ("null", None),
    ("Null", None),
    ("", None),
    ("nULL", "nULL"),
    ("12", 12),
    ("-12", -12),
    ("+12", 12),
    ("012", 12),
    ("0o17", 15),
    ("0x1F", 31),
    ("-0x1F", "-0x1F"),
    ("0b1", "0b1"),
    ("1_000", "1_000"),
    ("12:30:45", "12:30:45"),
    ("1.5", 1.5),
    (".5", 0.5),
    ("5.", 5.0),
    ("1e3", 1000.0),
    ("-1.5E-2", -0.015),
    (".", "."),
    ("1.2.3", "1.2.3"),
    ("2026-11-21", "2026-11-21"),
    ("'12'", "12"),
    ('"true"', "true"),
    ("!!str 12", "12"),
    ("=", "="),
    ("a b", "a b"),
    ("'it''s'", "it's"),
    ("|\n  one\n  two", "one\ntwo\n"),
    ("[]", []),
    ("{}", {}),
    ("[a, [1, {b: c}]]", ["a", [1, {"b": "c"}]]),
]


@pytest.mark.parametrize(("text", "value"), VALUES)
def test_a_scalar_means_what_the_core_schema_says(text: str, value: object) -> None:
    """YAML 1.2 core: `NO` and `12:30:45` are text, `0o17` is a number, quotes always make text."""
    found = load_yaml(f"key: {text}\n".encode(), "f.yaml").value
    assert found == {"key": value}
    assert type(found["key"]) is type(value)


REFUSED = [
    (b"a: 1\nb: 2\na: 3\n", 3, "twice, first in line 1"),
    (b"x:\n  a: 1\n  'a': 2\n", 3, "twice"),
    (b"&k a: 1\n*k : 2\n", 2, "twice"),
    (b"1: a\n", 1, "not a string"),
    (b"true: a\n", 1, "not a string"),
    (b"~: a\n", 1, "not a string"),
    (b"? [a]\n: b\n", 1, "plain string"),
    (b"<<: {a: 1}\n", 1, "merge keys"),
    (b"a: &a [*a]\n", 1, "no anchor"),
    (b"a: *x\n", 1, "no anchor"),
    (b"a: !!python/object/apply:os.system [id]\n", 1, "not allowed"),
    (b"a: !!int '3'\n", 1, "not allowed"),
    (b"a: !!binary aGk=\n", 1, "not allowed"),
    (b"!x [a]\n", 1, "not allowed"),
    (b"a: .nan\n", 1, "finite"),
    (b"a: -.inf\n", 1, "finite"),
    (b"a: 1e999\n", 1, "finite"),
    (b"a: " + b"9" * 41 + b"\n", 1, "digits"),
    (b"a: 1\n---\nb: 2\n", 2, "more than one document"),
    (b"%YAML 1.1\n---\na: 1\n", 1, "another YAML version"),
    (b"a: 1\nb: \xff\n", 2, "UTF-8"),
    (b"a: 1\nb: \xed\xa0\x80\n", 2, "UTF-8"),
    ("a: 1".encode("utf-16"), 1, "UTF-8"),
    (b"a: 1\nb: \x00\n", None, "not valid YAML"),
    (b"a: [1\nb: 2\n", None, "not valid YAML"),
    (b"a: 1\n b: 2\n", 2, "not valid YAML"),
    (b"a: 'x\n", None, "not valid YAML"),
    (b"\t- a\n", 1, "not valid YAML"),
    (b'a: "\\ud800"\n', 1, "not valid YAML"),
    (b"[" * 100_000, 1, "levels deep"),
    (b"- " * 40 + b"a\n", 1, "levels deep"),
    (b"a: " * 40 + b"b\n", 1, None),
]


@pytest.mark.parametrize(("data", "line", "words"), REFUSED)
def test_what_is_not_exactly_understood_is_refused_with_its_place(
    data: bytes, line: int | None, words: str | None
) -> None:
    """Duplicates, odd keys, tags, merges, other encodings and broken text are refused, naming file and line."""
    with pytest.raises(DocumentError) as caught:
        load_yaml(data, "f.yaml")
    assert caught.value.message.startswith("f.yaml:" + (str(line) if line else ""))
    assert words is None or words in caught.value.message


def test_an_empty_file_is_an_empty_document() -> None:
    """Nothing, a comment or a lone marker is a document without a value."""
    for data in (b"", b"\n# nothing\n", b"---\n", b"\xef\xbb\xbf"):
        assert load_yaml(data, "f.yaml").value is None


def test_aliases_stand_for_their_anchor_and_are_counted_in_full() -> None:
    """An alias gives the anchored value; a document that grows by aliases is refused before it is built."""
    assert load_yaml(b"a: &x {k: [1]}\nb: *x\n", "f.yaml").value == {"a": {"k": [1]}, "b": {"k": [1]}}
    lines = [b"a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [b"a%d: &a%d [%s]" % (n, n, b", ".join([b"*a%d" % (n - 1)] * 10)) for n in range(1, 7)]
    with pytest.raises(DocumentError, match=r"more than \d+ (nodes|aliases)"):
        load_yaml(b"\n".join(lines), "f.yaml", YamlLimits(aliases=1_000))
    with pytest.raises(DocumentError, match="aliases"):
        load_yaml(b"a: &a x\nb: [" + b", ".join([b"*a"] * 65) + b"]\n", "f.yaml")


def test_an_alias_cannot_hide_depth() -> None:
    """The depth of an anchored value counts where its alias stands."""
    deep = b"a: &a " + b"[" * 20 + b"]" * 20 + b"\nb: " + b"[" * 15 + b"*a" + b"]" * 15 + b"\n"
    with pytest.raises(DocumentError, match="levels deep"):
        load_yaml(deep, "f.yaml")
    nested = b"a: &a [&b [[[[[[[[[[x]]]]]]]]]]]\nb: " + b"[" * 25 + b"*b" + b"]" * 25 + b"\n"
    with pytest.raises(DocumentError, match="levels deep"):
        load_yaml(nested, "f.yaml")


def test_each_bound_is_exact() -> None:
    """A document at a bound is read and one past it is not: size, nodes, depth, digits."""
    limits = YamlLimits(size_bytes=20, nodes=5, depth=2, digits=3)
    assert load_yaml(b"[[1, 2], 3]", "f", limits).value == [[1, 2], 3]
    assert load_yaml(b"#" * 20, "f", limits).value is None
    for data, words in (
        (b"#" * 21, "bytes"),
        (b"[1, 2, 3, 4, 5]", "nodes"),
        (b"[[[1]]]", "levels"),
        (b"1234", "digits"),
    ):
        with pytest.raises(DocumentError, match=words):
            load_yaml(data, "f", limits)
    assert load_yaml(b"[1, 2, 3, 4]", "f", limits).value == [1, 2, 3, 4]
    assert load_yaml(b"123", "f", limits).value == 123


def test_every_part_knows_its_line() -> None:
    """Keys, items and values carry the line that a message about them names; an unknown part gets its parent's."""
    document = load_yaml(b"# c\na:\n  - x\n  - b: 1\n    c:\n      2\n", "dir/f.yaml")
    assert document.place(("a",)) == "dir/f.yaml:2"
    assert document.line(("a", 0)) == 3
    assert document.line(("a", 1)) == 4
    assert document.line(("a", 1, "c")) == 5
    assert document.line(("a", 1, "nothing", 3)) == 4
    assert document.line() == 2


def test_a_hostile_file_name_cannot_break_a_message() -> None:
    """Control characters in a file's name do not reach the message."""
    with pytest.raises(DocumentError) as caught:
        load_yaml(b"a: *x", "e\x1b[2Jvil\n`.yaml")
    assert caught.value.message.isprintable()


plain = st.none() | st.booleans() | st.integers(-(10**30), 10**30) | st.floats(allow_nan=False, allow_infinity=False)
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
trees = st.recursive(
    plain | texts, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4), max_leaves=20
)


@given(trees)
@example({"null": None, "true": "true", "a b": [[], {}, [[{}]]], "": "\x7f\u2028\ufeff\x85\U0001f600"})
def test_what_is_written_is_read_back(value: object) -> None:
    """The emitter's text means exactly the value that was written, types included."""
    found = load_yaml(emit_yaml(value).encode(), "f.yaml").value
    assert found == value
    assert repr(found) == repr(value)


def read(data: bytes) -> tuple[object, str | None]:
    """The value and no message, or no value and what is said about the refusal."""
    try:
        return load_yaml(data, "f.yaml").value, None
    except DocumentError as error:
        return None, error.message


@given(st.binary(max_size=200))
def test_random_bytes_are_read_or_refused(data: bytes) -> None:
    """Whatever bytes come, the answer is a value or a DocumentError."""
    _, message = read(data)
    assert message is None or message.startswith("f.yaml")


SHARDS = [
    "a",
    "b: ",
    "- ",
    "[",
    "]",
    "{",
    "}",
    ", ",
    ": ",
    "\n",
    "  ",
    "&a ",
    "*a",
    "!t ",
    "!!str ",
    "'",
    '"',
    "|\n",
    ">-\n",
]
SHARDS += [
    "? ",
    "# c\n",
    "---\n",
    "...\n",
    "%YAML 1.2\n",
    "<<",
    "1",
    "0x",
    ".inf",
    "~",
    "\t",
    "\u2028",
    "é",
    "\\",
    "\x00",
    "@",
    "`",
]


@given(st.lists(st.sampled_from(SHARDS), max_size=60).map("".join))
def test_yaml_like_text_is_read_or_refused(text: str) -> None:
    """Text made of YAML's own signs is a value within the bounds or a DocumentError, never anything else."""
    value, message = read(text.encode())
    assert message is None or message.startswith("f.yaml")
    stack, nodes = [value], 0
    while stack:
        item = stack.pop()
        nodes += 1
        stack.extend(item.values() if isinstance(item, dict) else item if isinstance(item, list) else ())
    assert nodes <= DEFAULT_LIMITS.nodes


def test_only_plain_values_can_be_written() -> None:
    """The emitter refuses what has no plain form instead of guessing one."""
    with pytest.raises(TypeError):
        emit_yaml({"a": object()})
