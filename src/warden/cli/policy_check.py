"""`warden policy check|lint`: whether the policy files can be loaded, are signed, and say what was meant."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from warden.cli.flags import ConfigFlag, DetailedExitcodeFlag, JsonFlag, QuietFlag, StateDirFlag
from warden.cli.output import print_json
from warden.cli.policy_output import table
from warden.cli.policy_parts import load_checked_charter, load_policy_set, lowered_limits, policy_trust
from warden.cli.render import visible
from warden.errors import EXIT_DONE, EXIT_FAILED, EXIT_FOUND, EXIT_REFUSED, GateError, WardenError

if TYPE_CHECKING:
    from warden.config.policies import PolicySet
    from warden.config.policy_history import PolicyFile
    from warden.config.settings import Settings
    from warden.policy import Charter
    from warden.policy.lint import Finding

FilesArgument = Annotated[
    list[Path] | None,
    typer.Argument(help="Policy files; all of the policy directory when left out.", metavar="[FILE]..."),
]


@dataclass(frozen=True, slots=True)
class _Checked:
    """One file: whether it is signed and by whom it may be, what is wrong with it, and what lint says."""

    name: str
    signed: bool
    error: WardenError | None
    findings: tuple[Finding, ...] = ()


def _files(settings: Settings, paths: list[Path] | None) -> tuple[PolicyFile, ...]:
    from warden.config.policies import read_policy_dir, read_policy_file

    if paths:
        return tuple(read_policy_file(path) for path in paths)
    return read_policy_dir(settings.policy.dir)


def _check_file(file: PolicyFile, settings: Settings, charter: Charter) -> _Checked:
    from warden.config.policies import verify_file
    from warden.config.signatures import read_key
    from warden.documents.policy_file import load_policy
    from warden.policy import Bundle
    from warden.policy.lint import lint as lint_bundle

    trust = policy_trust(settings)
    signed = file.signature is not None
    try:
        verify_file(file, tuple(read_key(path) for path in trust.keys), trust.required)
        layer = load_policy(file.data, file.name)
    except WardenError as error:
        return _Checked(file.name, signed, error)
    findings = lint_bundle(layer, charter) if isinstance(layer, Bundle) else ()
    return _Checked(file.name, signed, None, findings)


def check(
    files: FilesArgument = None,
    as_json: JsonFlag = False,
    config: ConfigFlag = None,
    state_dir: StateDirFlag = None,
    quiet: QuietFlag = False,
    detailed_exitcode: DetailedExitcodeFlag = False,
) -> int:
    """Load, validate, verify signatures and lint; exit 1 when a file cannot be used, 4 when a signature does not hold."""
    from warden.cli.compose import load_settings
    from warden.policy import Kernel

    settings = load_settings(config=config, state_dir=state_dir)
    charter = load_checked_charter(settings)
    lowered = charter.limits.lowered(lowered_limits(settings))
    checked = [_check_file(file, settings, charter) for file in _files(settings, files)]
    in_force = None if files else load_policy_set(settings, remember=False)
    snapshot = None if in_force is None else Kernel(charter, in_force.layers, lowered_limits(settings)).snapshot
    document = _document(checked, in_force, snapshot)
    if as_json:
        print_json({**document, "limits": {name: getattr(lowered, name) for name in lowered.__slots__}})
    else:
        sys.stdout.write("\n".join(_lines(checked, in_force, snapshot, quiet)) + "\n")
    return _status(checked, detailed_exitcode)


def _status(checked: list[_Checked], detailed: bool) -> int:
    errors = [item.error for item in checked if item.error is not None]
    if any(isinstance(error, GateError) for error in errors):
        return EXIT_REFUSED
    if errors:
        return EXIT_FAILED
    return EXIT_FOUND if detailed and any(item.findings for item in checked) else EXIT_DONE


def _document(checked: list[_Checked], in_force: PolicySet | None, snapshot: str | None) -> dict[str, object]:
    return {
        "schema": "warden.policy-check/1",
        "files": [
            {
                "name": item.name,
                "loaded": item.error is None,
                "signed": item.signed,
                "error": None
                if item.error is None
                else {"code": item.error.code, "message": item.error.message, "hint": item.error.hint},
                "findings": [finding_document(finding) for finding in item.findings],
            }
            for item in checked
        ],
        "in_force": None if in_force is None else in_force.source,
        "alerts": [] if in_force is None else list(in_force.alerts),
        "snapshot": snapshot,
    }


def finding_document(finding: Finding) -> dict[str, object]:
    """Return a finding of lint as JSON values."""
    return {
        "layer": finding.layer,
        "rule": finding.rule_id,
        "line": finding.line,
        "code": finding.code,
        "severity": finding.severity.value,
        "message": finding.message,
    }


def _lines(checked: list[_Checked], in_force: PolicySet | None, snapshot: str | None, quiet: bool) -> list[str]:
    lines: list[str] = []
    for item in checked:
        state = "ok" if item.error is None else "FAIL"
        lines.append(f"{state:<5} {visible(item.name)}" + ("  signed" if item.signed else ""))
        if item.error is not None:
            lines.append(f"      {visible(item.error.message)}")
            lines.extend([f"      {visible(item.error.hint)}"] if item.error.hint else [])
        lines.extend(f"      {line}" for line in _finding_lines(item.findings))
    if not checked:
        lines.append("no policy files: the charter stands alone")
    if in_force is not None:
        lines.extend(f"alert {visible(alert)}" for alert in in_force.alerts)
        lines.append(f"in force: {in_force.source}, snapshot {snapshot}")
    return lines


def _finding_lines(findings: tuple[Finding, ...]) -> list[str]:
    return table(
        (finding.severity.value, f"{finding.layer}:{finding.line}", finding.rule_id, finding.code, finding.message)
        for finding in findings
    )


def lint(
    files: FilesArgument = None,
    as_json: JsonFlag = False,
    config: ConfigFlag = None,
    state_dir: StateDirFlag = None,
    detailed_exitcode: DetailedExitcodeFlag = False,
) -> int:
    """Say what is probably not meant: rules that cannot match, hidden rules, unknown words, trust in what a sender writes."""
    from warden.cli.compose import load_settings

    settings = load_settings(config=config, state_dir=state_dir)
    charter = load_checked_charter(settings)
    findings: list[Finding] = []
    for file in _files(settings, files):
        checked = _check_file(file, settings, charter)
        if checked.error is not None:
            raise checked.error
        findings.extend(checked.findings)
    if as_json:
        print_json({"schema": "warden.policy-lint/1", "findings": [finding_document(item) for item in findings]})
    else:
        lines = [*_finding_lines(tuple(findings)), f"{len(findings)} findings"]
        sys.stdout.write("\n".join(lines) + "\n")
    return EXIT_FOUND if detailed_exitcode and findings else EXIT_DONE
