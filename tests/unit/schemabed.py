"""Documents that commands print, held against the schemas of the reference."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from warden.cli.main import run

ROOT = Path(__file__).parents[2]
REFERENCE = ROOT / "docs" / "reference"
ENDING = ".schema.json"


@cache
def validator(name: str) -> Draft202012Validator:
    """Return the validator for a schema of the reference, which itself must be a valid schema."""
    schema = json.loads((REFERENCE / f"{name}{ENDING}").read_text(encoding="utf-8"))
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


def check(name: str, document: Any) -> None:
    """Fail with every difference."""
    assert [f"{error.json_path}: {error.message}" for error in validator(name).iter_errors(document)] == []


def check_named(document: Any) -> str:
    """Hold a document against the schema that it names; returns the name of that schema."""
    word, _, version = str(document["schema"]).partition("/")
    assert version == "1"
    name = word.removeprefix("warden.")
    check(name, document)
    return name


class Prompt:
    """Runs commands in this process; every document that one prints is held against its schema."""

    def __init__(self, capsys: pytest.CaptureFixture[str], where: Sequence[str] = ()) -> None:
        self._capsys = capsys
        self._where = where
        self.held: list[str] = []
        """The names of the schemas that were held, in order."""

    def run(self, *words: object, status: int = 0) -> str:
        """Return what a command prints on stdout."""
        self._capsys.readouterr()
        ended = run([*(str(word) for word in words), *self._where])
        out, err = self._capsys.readouterr()
        assert ended == status, out + err
        return out

    def json(self, *words: object, status: int = 0) -> Any:
        """Return the document that a command prints with `--json`."""
        document = json.loads(self.run(*words, "--json", status=status))
        self.held.append(check_named(document))
        return document


@pytest.fixture
def prompt(capsys: pytest.CaptureFixture[str]) -> Prompt:
    """A prompt in an empty home."""
    return Prompt(capsys)
