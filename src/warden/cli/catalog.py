"""`warden catalog`: check a routing catalogue, see its entries, and ask it a question as the rule brain would."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from warden.cli import catalog_learn
from warden.cli.flags import CatalogFlag, ConfigFlag, DetailedExitcodeFlag, JsonFlag, StateDirFlag
from warden.cli.framework import new_app
from warden.cli.output import print_json, talk
from warden.cli.render import visible
from warden.errors import EXIT_DONE, EXIT_FOUND

if TYPE_CHECKING:
    from warden.brains.rules.brain import RuleBrain
    from warden.config.settings import Settings
    from warden.model.catalog import Catalog
    from warden.model.plan import Plan

app = new_app("The routing catalogue: check it, list it, ask it, and let it learn from people's answers.")
app.command()(catalog_learn.learn)
app.command()(catalog_learn.apply)
app.command()(catalog_learn.export)

FileArgument = Annotated[
    Path | None, typer.Argument(help="The catalogue; the configured one when left out.", metavar="[FILE]")
]
QuestionArgument = Annotated[
    str, typer.Argument(help="A question, as it would stand in a message.", metavar="QUESTION")
]
SubjectOption = Annotated[str, typer.Option("--subject", help="The subject of the message.", metavar="TEXT")]


def _load(catalog: Path | None, config: Path | None, state_dir: Path | None) -> tuple[Settings, Catalog]:
    from warden.cli.compose import load_catalog, load_settings

    settings = load_settings(config=config, state_dir=state_dir, catalog=catalog)
    return settings, load_catalog(settings)


def _propose(brain: RuleBrain, settings: Settings, subject: str, text: str) -> Plan:
    """Return the brain's plan for a message of nobody in particular, with the facts that the guard reads."""
    from warden.guard.intent import read_facts
    from warden.model.ids import MessageKey
    from warden.model.message import BrainInput, Mail, Message, Principal

    key = MessageKey("catalog", settings.agent, "question")
    message = Message(key, Principal("operator"), "1970-01-01T00:00:00Z", Mail(subject, text, "request", "question"))
    facts = read_facts(message, settings.agent, 1, {})
    return brain.propose(BrainInput(message, replace(facts, from_self=False)))


def _unanswered(brain: RuleBrain, settings: Settings, catalog: Catalog) -> list[tuple[str, str, Plan]]:
    """Return the entries' own questions that the catalogue does not answer with their entry, and what it proposes."""
    found = []
    for entry in catalog.entries:
        for question in entry.questions:
            plan = _propose(brain, settings, "", question)
            if plan.catalog_entry != entry.id:
                found.append((entry.id, question, plan))
    return found


@app.command()
def check(
    file: FileArgument = None,
    as_json: JsonFlag = False,
    config: ConfigFlag = None,
    state_dir: StateDirFlag = None,
    detailed_exitcode: DetailedExitcodeFlag = False,
) -> int:
    """Check the format, and whether each entry's own questions are answered with that entry."""
    from warden.cli.compose import build_rule_brain

    settings, catalog = _load(file, config, state_dir)
    found = _unanswered(build_rule_brain(catalog), settings, catalog)
    if as_json:
        document = {
            "schema": "warden.catalog-check/1",
            "digest": catalog.digest,
            "entries": len(catalog.entries),
            "questions": sum(len(entry.questions) for entry in catalog.entries),
            "unanswered": [
                {"entry": entry_id, "question": question, "reason": plan.reason, "detail": plan.detail}
                for entry_id, question, plan in found
            ],
        }
        print_json(document)
    else:
        for entry_id, question, plan in found:
            sys.stdout.write(f"{entry_id}: {visible(question)}\n    {plan.reason}: {visible(plan.detail)}\n")
        talk(f"{len(catalog.entries)} entries, {len(found)} of their own questions would go to a person")
    return EXIT_FOUND if found and detailed_exitcode else EXIT_DONE


@app.command("list")
def list_entries(
    as_json: JsonFlag = False, catalog: CatalogFlag = None, config: ConfigFlag = None, state_dir: StateDirFlag = None
) -> int:
    """List the entries: id, owner, scope and title."""
    _, loaded = _load(catalog, config, state_dir)
    if as_json:
        entries = [
            {"id": entry.id, "title": entry.title, "owner": entry.owner, "scope": entry.scope}
            for entry in loaded.entries
        ]
        print_json({"schema": "warden.catalog/1", "digest": loaded.digest, "entries": entries})
        return EXIT_DONE
    for entry in loaded.entries:
        sys.stdout.write(f"{entry.id:<28} {visible(entry.owner):<20} {entry.scope:<6} {visible(entry.title)}\n")
    return EXIT_DONE


@app.command()
def match(
    question: QuestionArgument,
    subject: SubjectOption = "",
    as_json: JsonFlag = False,
    catalog: CatalogFlag = None,
    config: ConfigFlag = None,
    state_dir: StateDirFlag = None,
) -> int:
    """Say what the rule brain proposes for a question and why: candidates, scores and words. Nothing is recorded."""
    from warden.cli.compose import build_rule_brain

    settings, loaded = _load(catalog, config, state_dir)
    plan = _propose(build_rule_brain(loaded), settings, subject, question)
    entry = loaded.find(plan.catalog_entry) if plan.catalog_entry else None
    if as_json:
        print_json(
            {
                "schema": "warden.catalog-match/1",
                "actions": [action.kind for action in plan.actions],
                "reason": plan.reason,
                "detail": plan.detail,
                "entry": plan.catalog_entry,
                "candidates": [
                    {"entry": candidate.entry_id, "score": candidate.score, "terms": list(candidate.terms)}
                    for candidate in plan.candidates
                ],
                "body": entry.reply_body if entry else None,
            }
        )
        return EXIT_DONE
    sys.stdout.write(f"{', '.join(action.kind for action in plan.actions)} ({plan.reason})\n{visible(plan.detail)}\n")
    for candidate in plan.candidates:
        sys.stdout.write(f"  {candidate.score:>5}  {candidate.entry_id}  {visible(' '.join(candidate.terms))}\n")
    if entry is not None:
        sys.stdout.write("\n" + visible(entry.reply_body, keep="\n") + "\n")
    return EXIT_DONE
