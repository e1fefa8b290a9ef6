"""`warden policy evaluate|explain|test|remediate`: judging requests that a person wrote, delivering nothing."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from warden.cli.flags import ConfigFlag, DetailedExitcodeFlag, JsonFlag, QuietFlag, StateDirFlag
from warden.cli.output import print_json, talk
from warden.cli.policy_flags import BundleFlag, NoCharterFlag, RequestFlag
from warden.cli.policy_output import decision_document, summary, table
from warden.cli.policy_parts import (
    build_judge,
    load_checked_charter,
    load_layers_from,
    load_policy_set,
    lowered_limits,
    read_input,
)
from warden.cli.render import visible
from warden.errors import EXIT_DONE, EXIT_FAILED, EXIT_FOUND, InputError, quote
from warden.model.request import Effect

if TYPE_CHECKING:
    from warden.model.request import Request
    from warden.policy import Kernel, UnsafeBareKernel
    from warden.policy.cases import CaseResult
    from warden.policy.explanation import Explanation, LayerTrace


def _kernel(
    config: Path | None, state_dir: Path | None, bundles: list[Path] | None, no_charter: bool, quiet: bool
) -> Kernel | UnsafeBareKernel:
    """Return the judge that a command asks for: configured or named policies, with the charter unless told otherwise."""
    from warden.cli.compose import load_settings
    from warden.policy import Kernel, UnsafeBareKernel

    settings = load_settings(config=config, state_dir=state_dir)
    if bundles:
        layers = load_layers_from(bundles)
        if no_charter:
            return UnsafeBareKernel(layers)
        return Kernel(load_checked_charter(settings), layers, lowered_limits(settings))
    if no_charter:
        policies = load_policy_set(settings, remember=False)
        kernel: Kernel | UnsafeBareKernel = UnsafeBareKernel(policies.layers)
    else:
        judge = build_judge(settings, remember=False)
        policies, kernel = judge.policies, judge.kernel
    for alert in policies.alerts:
        talk(f"warning: {visible(alert)}", quiet)
    return kernel


def evaluate(
    request: RequestFlag,
    bundle: BundleFlag = None,
    no_charter: NoCharterFlag = False,
    as_json: JsonFlag = False,
    config: ConfigFlag = None,
    state_dir: StateDirFlag = None,
    quiet: QuietFlag = False,
    detailed_exitcode: DetailedExitcodeFlag = False,
) -> int:
    """Print the decision on a request, or a list of decisions for a list of requests, always as JSON."""
    from warden.documents.request import requests_from_json

    requests, is_list = requests_from_json(read_input(request))
    kernel = _kernel(config, state_dir, bundle, no_charter, quiet)
    decisions = [kernel.evaluate(item) for item in requests]
    documents = [decision_document(decision) for decision in decisions]
    print_json(documents if is_list else documents[0])
    refused = any(decision.effect < Effect.ALLOW_WITH_CONSTRAINTS for decision in decisions)
    return EXIT_FOUND if detailed_exitcode and refused else EXIT_DONE


def explain(
    request: RequestFlag,
    bundle: BundleFlag = None,
    no_charter: NoCharterFlag = False,
    as_json: JsonFlag = False,
    config: ConfigFlag = None,
    state_dir: StateDirFlag = None,
    quiet: QuietFlag = False,
) -> int:
    """Show how the decision on one request comes about: each layer, each rule tried, and the meet."""
    one = _one_request(request)
    kernel = _kernel(config, state_dir, bundle, no_charter, quiet)
    explanation = kernel.explain(one)
    if as_json:
        print_json(explanation_document(one, kernel, explanation))
    else:
        sys.stdout.write("\n".join(_explanation_lines(explanation)) + "\n")
    return EXIT_DONE


def _one_request(path: Path) -> Request:
    from warden.documents.request import requests_from_json

    requests, is_list = requests_from_json(read_input(path))
    if is_list:
        raise InputError("this command takes one request, not a list", "hand in one JSON object")
    return requests[0]


def explanation_document(
    request: Request, kernel: Kernel | UnsafeBareKernel, explanation: Explanation
) -> dict[str, object]:
    """Return an explanation as JSON values of schema `warden.policy-explanation/1`."""
    from warden.model.request import request_fields

    return {
        "schema": "warden.policy-explanation/1",
        "request": request_fields(request),
        "decision": decision_document(explanation.decision),
        "charter_digest": getattr(kernel, "charter_digest", None),
        "notes": list(explanation.notes),
        "layers": [
            {
                "layer": layer.layer,
                "decision": None if layer.decision is None else decision_document(layer.decision),
                "note": layer.note,
                "rules": [
                    {
                        "rule": rule.rule_id,
                        "matched": rule.matched,
                        "note": rule.note,
                        "fields": [
                            {
                                "field": field.field,
                                "outcome": field.outcome,
                                "expected": field.expected,
                                "actual": field.actual,
                            }
                            for field in rule.fields
                        ],
                    }
                    for rule in layer.rules
                ],
            }
            for layer in explanation.layers
        ],
    }


def _explanation_lines(explanation: Explanation) -> list[str]:
    lines: list[str] = []
    for layer in explanation.layers:
        lines.extend(_layer_lines(layer))
    lines.append(f"decision: {visible(summary(explanation.decision))}")
    lines.extend(f"  because {visible(reason)}" for reason in explanation.decision.reasons)
    lines.append(f"snapshot: {explanation.decision.snapshot}")
    return lines


def _layer_lines(layer: LayerTrace) -> list[str]:
    word = "no opinion" if layer.decision is None else summary(layer.decision)
    lines = [f"{visible(layer.layer)}: {visible(word)}" + (f"  ({visible(layer.note)})" if layer.note else "")]
    for rule in layer.rules:
        note = f"  ({visible(rule.note)})" if rule.note else ""
        lines.append(f"  {'match' if rule.matched else '-    '} {visible(rule.rule_id)}{note}")
        lines.extend(
            f"          {visible(field.field)} {field.outcome}: wanted {visible(field.expected)}, found {visible(field.actual)}"
            for field in rule.fields
        )
    return lines


def run_cases_of(
    file: Annotated[Path, typer.Argument(help="A file of cases: requests with expected decisions.", metavar="FILE")],
    bundle: BundleFlag = None,
    no_charter: NoCharterFlag = False,
    as_json: JsonFlag = False,
    config: ConfigFlag = None,
    state_dir: StateDirFlag = None,
    quiet: QuietFlag = False,
) -> int:
    """Judge every case of a file and compare with what it expects; exit 1 when one differs."""
    from warden.documents.cases import load_cases
    from warden.policy.cases import run_cases

    cases = load_cases(read_input(file), file.name)
    results = run_cases(cases, _kernel(config, state_dir, bundle, no_charter, quiet).evaluate)
    return print_case_results(results, as_json)


def print_case_results(results: tuple[CaseResult, ...], as_json: bool) -> int:
    """Print how the cases went and return the exit status."""
    failed = [result for result in results if result.failures]
    if as_json:
        print_json(cases_document(results))
    else:
        rows = [(result.case.name, "; ".join(result.failures), summary(result.decision)) for result in failed]
        lines = [*table(rows), f"{len(results) - len(failed)} of {len(results)} cases as expected"]
        sys.stdout.write("\n".join(lines) + "\n")
    return EXIT_FAILED if failed else EXIT_DONE


def cases_document(results: tuple[CaseResult, ...]) -> dict[str, object]:
    """Return the results as JSON values of schema `warden.policy-cases/1`."""
    return {
        "schema": "warden.policy-cases/1",
        "cases": [
            {
                "name": result.case.name,
                "line": result.case.line,
                "passed": not result.failures,
                "failures": list(result.failures),
                "decision": decision_document(result.decision),
            }
            for result in results
        ],
    }


def remediate(
    request: RequestFlag,
    remediation: Annotated[
        str | None,
        typer.Argument(help="Id of the remediation to apply; may be left out when there is one.", metavar="ID"),
    ] = None,
    bundle: BundleFlag = None,
    no_charter: NoCharterFlag = False,
    as_json: JsonFlag = False,
    config: ConfigFlag = None,
    state_dir: StateDirFlag = None,
    quiet: QuietFlag = False,
) -> int:
    """Apply a remediation that the decision on a request proposes, and judge the changed request anew."""
    from warden.model.request import request_fields
    from warden.policy.remediate import apply

    one = _one_request(request)
    kernel = _kernel(config, state_dir, bundle, no_charter, quiet)
    before = kernel.evaluate(one)
    offered = [item for item in before.remediations if remediation in (None, item.id)]
    if len(offered) != 1:
        names = ", ".join(quote(item.id) for item in before.remediations) or "none"
        message = "no such remediation is proposed" if not offered else "several remediations are proposed"
        raise InputError(message, f"the decision proposes {names}; name one")
    changed = apply(one, offered[0])
    after = kernel.evaluate(changed)
    if as_json:
        print_json(
            {
                "schema": "warden.policy-remediation/1",
                "remediation": offered[0].id,
                "request": request_fields(changed),
                "before": decision_document(before),
                "after": decision_document(after),
            }
        )
    else:
        sys.stdout.write(f"before: {visible(summary(before))}\nafter:  {visible(summary(after))}\n")
    return EXIT_DONE
