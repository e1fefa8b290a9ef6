"""`warden guard`: look for secret values, take them out, and say which values must never appear."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from warden.cli.flags import ConfigFlag, DetailedExitcodeFlag, JsonFlag, QuietFlag, StateDirFlag
from warden.cli.framework import new_app
from warden.cli.guard_input import read_jsonl, read_text
from warden.cli.output import print_json, talk, to_json
from warden.cli.streams import unsafe_write
from warden.errors import EXIT_DONE, EXIT_FOUND, InputError, UsageError, quote

if TYPE_CHECKING:
    from warden.guard.rule import Rule
    from warden.model.finding import Finding
    from warden.ports import Scanner

app = new_app("Find secret values, take them out, and enrol values that must never appear.")

SourceArgument = Annotated[str | None, typer.Argument(metavar="FILE", help="The text; `-` is standard input.")]


def _scanner(config: Path | None, state_dir: Path | None) -> Scanner:
    """Return the guard with everything enrolled; a credential that cannot be fetched does not stop a look at a text."""
    from warden.cli.compose import load_settings
    from warden.cli.guard_parts import build_guard
    from warden.errors import ConfigError

    settings = load_settings(config=config, state_dir=state_dir)
    try:
        return build_guard(settings)
    except ConfigError as error:
        talk(f"warning: {error.message}; looking without warden's own credentials")
        return build_guard(settings, has_own=False)


def _documents(findings: Sequence[Finding], is_short: bool = False) -> list[dict[str, Any]]:
    names = ("kind", "start", "end") if is_short else ("kind", "start", "end", "rule_id", "form")
    return [{name: getattr(finding, name) for name in names} for finding in findings]


@app.command()
def scan(
    source: SourceArgument = None,
    jsonl: Annotated[
        Path | None, typer.Option("--jsonl", metavar="FILE", help='Lines of {"id", "text"}; `-` for stdin.')
    ] = None,
    as_json: JsonFlag = False,
    detailed_exitcode: DetailedExitcodeFlag = False,
    config: ConfigFlag = None,
    state_dir: StateDirFlag = None,
) -> int:
    """Say where secret values stand and of which kind, never the value."""
    if (source is None) == (jsonl is None):
        raise UsageError("scan takes either FILE or --jsonl FILE", "see `warden guard scan --help`")
    scanner = _scanner(config, state_dir)
    found = _scan_lines(scanner, jsonl) if jsonl is not None else _scan_text(scanner, str(source), as_json)
    return EXIT_FOUND if found and detailed_exitcode else EXIT_DONE


def _scan_lines(scanner: Scanner, path: Path) -> bool:
    any_found = False
    for identity, text in read_jsonl(path):
        findings = scanner.scan(text)
        any_found = any_found or bool(findings)
        sys.stdout.write(json.dumps({"id": identity, "findings": _documents(findings, True)}) + "\n")
    return any_found


def _scan_text(scanner: Scanner, source: str, as_json: bool) -> bool:
    from warden.guard import count_kinds

    text = read_text(source)
    findings = scanner.scan(text)
    if as_json:
        document = {"schema": "warden.guard-scan/1", "counts": count_kinds(findings), "findings": _documents(findings)}
        print_json(document)
        return bool(findings)
    for finding in findings:
        line = text.count("\n", 0, finding.start) + 1
        column = finding.start - (text.rfind("\n", 0, finding.start) + 1) + 1
        size = finding.end - finding.start
        print(f"{line}:{column}\t{finding.kind}\t{size} characters\t{finding.rule_id}\t{finding.form}")
    talk(f"{len(findings)} found" if findings else "nothing found")
    return bool(findings)


@app.command()
def redact(
    source: Annotated[str, typer.Argument(metavar="FILE", help="The text; `-` is standard input.")] = "-",
    as_json: JsonFlag = False,
    detailed_exitcode: DetailedExitcodeFlag = False,
    config: ConfigFlag = None,
    state_dir: StateDirFlag = None,
) -> int:
    """Print the text with each secret value replaced by `[redacted:<kind>]`."""
    from warden.guard import clean, count_kinds

    cleaned = clean(_scanner(config, state_dir), read_text(source))
    if as_json:
        print_json({"schema": "warden.guard-redact/1", "text": cleaned.text, "counts": count_kinds(cleaned.findings)})
    else:
        sys.stdout.buffer.write(cleaned.text.encode("utf-8", "surrogateescape"))  # bytes that are no UTF-8 come back
    return EXIT_FOUND if cleaned.findings and detailed_exitcode else EXIT_DONE


@app.command()
def enroll(
    name: Annotated[str, typer.Argument(help="What to call the value; what has this name is replaced.")],
    file: Annotated[
        Path | None, typer.Option("--file", metavar="FILE", help="Read the value from a file; `-` is standard input.")
    ] = None,
    command: Annotated[
        str | None, typer.Option("--command", help="Run this, without a shell, and take what it prints.")
    ] = None,
    variable: Annotated[
        str | None, typer.Option("--env", metavar="NAME", help="Take the value of an environment variable.")
    ] = None,
    each_line: Annotated[
        bool, typer.Option("--each-line", help="Each line is a value, or `NAME=value` as in .env files.")
    ] = False,
    quiet: QuietFlag = False,
    config: ConfigFlag = None,
    state_dir: StateDirFlag = None,
) -> int:
    """Enrol a value that must never appear anywhere, in any form. The value is not kept."""
    from warden.cli.compose import load_settings
    from warden.cli.guard_input import check_name, read_values
    from warden.cli.guard_parts import fingerprint_files
    from warden.guard.known import enrolled_forms, make_fingerprint

    settings = load_settings(config=config, state_dir=state_dir)
    name = check_name(name)
    values = read_values(settings, file, command, variable, each_line)
    files = fingerprint_files(settings)
    key = files.key()
    made = [make_fingerprint(key, name, form) for value in values for form in enrolled_forms(value)]
    files.add(made)
    talk(f"enrolled {quote(name)}: {len(values)} value{'s' if len(values) != 1 else ''}", quiet)
    return EXIT_DONE


@app.command("list")
def list_names(as_json: JsonFlag = False, config: ConfigFlag = None, state_dir: StateDirFlag = None) -> int:
    """List the names of enrolled values, with their lengths."""
    from warden.cli.compose import load_settings
    from warden.cli.guard_parts import fingerprint_files

    sizes: dict[str, list[int]] = {}
    for one in fingerprint_files(load_settings(config=config, state_dir=state_dir)).load():
        sizes.setdefault(one.name, []).append(one.size)
    if as_json:
        enrolled = [{"name": name, "sizes": found} for name, found in sizes.items()]
        print_json({"schema": "warden.guard-list/1", "enrolled": enrolled})
        return EXIT_DONE
    for name, found in sizes.items():
        print(f"{name}\t{', '.join(map(str, found))} bytes")
    if not sizes:
        talk("nothing is enrolled; see `warden guard enroll --help`")
    return EXIT_DONE


@app.command()
def forget(
    name: Annotated[str, typer.Argument(help="The name under which the value was enrolled.")],
    quiet: QuietFlag = False,
    config: ConfigFlag = None,
    state_dir: StateDirFlag = None,
) -> int:
    """Forget an enrolled value, for instance after it was rotated."""
    from warden.cli.compose import load_settings
    from warden.cli.guard_parts import fingerprint_files

    if not fingerprint_files(load_settings(config=config, state_dir=state_dir)).forget(name):
        raise InputError(f"nothing is enrolled under {quote(name)}", "`warden guard list` shows the names")
    talk(f"forgot {quote(name)}", quiet)
    return EXIT_DONE


@app.command()
def rules(as_json: JsonFlag = False) -> int:
    """List every rule: what it finds and of which kind."""
    from warden.guard.catalogue import every_rule

    if as_json:
        return _print_rules(every_rule())
    for rule in every_rule():
        unsafe_write(sys.stdout, f"{rule.rule_id}\t{rule.kind}\t{rule.provider}\n")
    return EXIT_DONE


@app.command()
def explain(
    rule_id: Annotated[str, typer.Argument(help="The id of a rule, or a kind of secret.")], as_json: JsonFlag = False
) -> int:
    """Say what a rule finds, with the format that it knows."""
    from warden.guard.catalogue import every_rule

    found = [rule for rule in every_rule() if rule_id in (rule.rule_id, rule.kind)]
    if not found:
        raise InputError(f"there is no rule or kind {quote(rule_id)}", "`warden guard rules` lists them")
    if as_json:
        return _print_rules(found)
    for line in _explained(found):
        unsafe_write(sys.stdout, line + "\n")
    return EXIT_DONE


def _print_rules(rules: Sequence[Rule]) -> int:
    """Print our own examples as they are: the guard would find what they are examples of."""
    document = {"schema": "warden.guard-rules/1", "rules": [_rule_document(rule) for rule in rules]}
    unsafe_write(sys.stdout, to_json(document) + "\n")
    return EXIT_DONE


def _explained(rules: Sequence[Rule]) -> Iterator[str]:
    for rule in rules:
        document = _rule_document(rule)
        yield rule.rule_id
        for name in ("provider", "kind", "about", "finds", "passes"):
            if document[name]:
                shown = str(document[name]).replace("\n", "\n            ")
                yield f"  {name + ':':9} {shown}"


def _rule_document(rule: Rule) -> dict[str, str]:
    return {
        "id": rule.rule_id,
        "provider": rule.provider,
        "kind": rule.kind,
        "about": rule.about,
        "finds": rule.example,
        "passes": rule.counter_example,
    }
