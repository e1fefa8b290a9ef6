"""`warden charter show|verify`: what warden may do, and whether the charter that says so is the one that was shipped."""

from __future__ import annotations

import sys

from warden.cli.flags import ConfigFlag, JsonFlag, StateDirFlag
from warden.cli.framework import new_app
from warden.cli.output import print_json
from warden.cli.policy_judge import cases_document, print_case_results
from warden.cli.policy_parts import load_checked_charter, read_charter_files
from warden.cli.render import visible
from warden.errors import EXIT_DONE, EXIT_FAILED, CharterError

app = new_app("The charter: the floor under every decision.")

EXAMPLES_FILE = "examples.yaml"


@app.command()
def show(as_json: JsonFlag = False, config: ConfigFlag = None, state_dir: StateDirFlag = None) -> int:
    """Print the charter's prose; with --json its kinds, limits and rules."""
    from warden.cli.compose import load_settings

    charter = load_checked_charter(load_settings(config=config, state_dir=state_dir))
    if not as_json:
        sys.stdout.write(
            f"{visible(charter.prose, keep=chr(10)).rstrip()}\n\ncharter {charter.version}, {charter.digest}\n"
        )
        return EXIT_DONE
    print_json(
        {
            "schema": "warden.charter-show/1",
            "version": charter.version,
            "digest": charter.digest,
            "kinds": {
                name: {"tier": kind.tier.value, "capability": kind.capability} for name, kind in charter.kinds.items()
            },
            "limits": {name: getattr(charter.limits, name) for name in charter.limits.__slots__},
            "rules": [
                {
                    "id": rule.id,
                    "kinds": sorted(rule.match.kinds),
                    "decision": rule.effect.word,
                    "reason": rule.reason,
                    "retry_after_s": rule.retry_after_s,
                }
                for rule in charter.rules
            ],
        }
    )
    return EXIT_DONE


@app.command()
def verify(as_json: JsonFlag = False, config: ConfigFlag = None, state_dir: StateDirFlag = None) -> int:
    """Check pin and signature of the charter and judge its examples; exit 4 when it does not hold."""
    from warden.cli.compose import load_settings
    from warden.documents.cases import load_cases
    from warden.documents.charter import load_charter
    from warden.policy import Kernel
    from warden.policy.cases import run_cases

    settings = load_settings(config=config, state_dir=state_dir)
    files = read_charter_files(settings)
    if EXAMPLES_FILE not in files:
        raise CharterError("the charter's examples are missing", "install warden again from a trusted package")
    charter = load_charter(files)
    results = run_cases(load_cases(files[EXAMPLES_FILE], EXAMPLES_FILE), Kernel(charter).evaluate)
    failed = any(result.failures for result in results)
    signed = settings.policy.charter_public_key is not None
    if as_json:
        document = {
            "schema": "warden.charter-verify/1",
            "version": charter.version,
            "digest": charter.digest,
            "signature": "verified" if signed else "not required",
            "cases": cases_document(results)["cases"],
        }
        print_json(document)
        return EXIT_FAILED if failed else EXIT_DONE
    sys.stdout.write(f"charter {charter.version}, {charter.digest}\n")
    sys.stdout.write(f"pin holds, signature {'verified' if signed else 'not required'}\n")
    return print_case_results(results, as_json=False)
