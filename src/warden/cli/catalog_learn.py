"""`warden catalog learn` and `warden catalog apply`: from people's decisions to a reviewed change of the catalogue."""

from __future__ import annotations

import json as jsonlib
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from warden.cli.flags import AgentFlag, CatalogFlag, ConfigFlag, JsonFlag, StateDirFlag
from warden.cli.output import print_json, talk
from warden.cli.render import visible
from warden.cli.review_text import percent
from warden.errors import EXIT_DONE, DocumentError, GateError, InputError, quote

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from warden.brains.rules.learning import Example, Score
    from warden.config.settings import Settings
    from warden.documents.catalog_patch import CatalogPatch
    from warden.model.catalog import Catalog
    from warden.model.message import Message, MessageFacts

LEARN_SCHEMA = "warden.catalog-learn/1"
APPLY_SCHEMA = "warden.catalog-apply/1"
VERSIONS = ".versions"
MAX_EXAMPLES_BYTES = 16 * 1024 * 1024

OutOption = Annotated[Path | None, typer.Option("--out", help="Save the proposal as a patch here.", metavar="FILE")]
ExamplesOption = Annotated[
    list[Path] | None,
    typer.Option("--examples", help="Labelled messages, a JSON object a line: subject, body, entry.", metavar="FILE"),
]
PatchArgument = Annotated[Path | None, typer.Argument(help="The patch.", metavar="[PATCH]")]
UndoFlag = Annotated[bool, typer.Option("--undo", help="Put back the version before the last patch.")]


def learn(
    out: OutOption = None,
    examples: ExamplesOption = None,
    agent: AgentFlag = None,
    json: JsonFlag = False,
    catalog: CatalogFlag = None,
    config: ConfigFlag = None,
    state_dir: StateDirFlag = None,
) -> int:
    """Propose aliases from what people answered, and show what they do to precision and recall; nothing is changed."""
    from warden.brains.rules import learning
    from warden.cli.compose import load_catalog, load_settings
    from warden.cli.review_parts import session

    settings = load_settings(config=config, state_dir=state_dir, agent=agent, catalog=catalog)
    present = load_catalog(settings)
    with session(config, state_dir, agent, reading=True) as place:
        taught = tuple(_examples(present, place.queue.taught(place.desk.agent)))
    known = (*taught, *_own_questions(present), *_labelled(examples or []))
    changed, proposals = learning.learn(present, known, _facts(settings))
    before, after = (learning.score(one, known, _facts(settings)) for one in (present, changed))
    patch = _patch(present, taught, [(proposal.entry, proposal.alias) for proposal in proposals])
    if json:
        print_json(
            {
                "schema": LEARN_SCHEMA,
                "catalog_digest": present.digest,
                "decisions": len(taught),
                "examples": len(known),
                "before": _score(before),
                "after": _score(after),
                "proposals": [
                    {"entry": one.entry, "alias": one.alias, "answers": list(one.answers)} for one in proposals
                ],
            }
        )
    else:
        for one in proposals:
            print(f"{one.entry}: alias {visible(one.alias)!r} answers {', '.join(one.answers)}")
        print(f"precision {percent(before.precision)} -> {percent(after.precision)}")
        print(
            f"recall    {percent(before.recall)} -> {percent(after.recall)}  ({len(taught)} decisions, {len(known)} examples)"
        )
    if out is not None and proposals:
        from warden.documents.catalog_patch import write_patch

        _write(out, write_patch(patch))
        talk(f"look at it, then `warden catalog apply {out}`")
    elif not proposals:
        talk("nothing to learn: people's answers are known, or no phrase of theirs is worth an alias")
    return EXIT_DONE


def apply(
    patch: PatchArgument = None,
    undo: UndoFlag = False,
    json: JsonFlag = False,
    catalog: CatalogFlag = None,
    config: ConfigFlag = None,
    state_dir: StateDirFlag = None,
) -> int:
    """Apply a reviewed patch to your catalogue: checked, its cases run, the old version kept; or undo the last one."""
    from warden.cli.compose import load_catalog, load_settings

    settings = load_settings(config=config, state_dir=state_dir, catalog=catalog)
    file = settings.catalog
    if file is None:
        raise InputError(
            "the catalogue that ships with warden is not changed",
            "keep one of your own: `warden catalog export FILE`, then set `catalog` in config.toml",
        )
    if (patch is None) != undo:
        raise InputError("name a patch, or --undo", "`warden catalog learn --out FILE` makes one")
    present = load_catalog(settings)
    data = _older(file) if patch is None else _changed(settings, present, patch)
    from warden.documents.catalog import load_catalog as read

    digest = read(data, str(file)).digest
    if patch is None:
        _write(file, data)
        _versions(file)[-1].unlink()
    else:
        _keep(file)
        _write(file, data)
    if json:
        print_json({"schema": APPLY_SCHEMA, "catalog": str(file), "before": present.digest, "after": digest})
    else:
        back = "" if undo else f"; `warden catalog apply --undo` puts {present.digest[7:19]} back"
        talk(f"{file} is {digest[7:19]} now{back}")
    return EXIT_DONE


def export(
    file: Annotated[Path, typer.Argument(help="Where to.", metavar="FILE")],
    catalog: CatalogFlag = None,
    config: ConfigFlag = None,
    state_dir: StateDirFlag = None,
) -> int:
    """Write the catalogue that is in force to a new file, to keep one of your own."""
    from warden.cli.compose import load_settings
    from warden.cli.run_parts import read_documents

    if file.exists():
        raise InputError(f"{quote(file)} exists", "name a new file")
    _write(file, read_documents(load_settings(config=config, state_dir=state_dir, catalog=catalog)).catalog.data)
    return EXIT_DONE


def _changed(settings: Settings, present: Catalog, file: Path) -> bytes:
    """Return the bytes of the patched catalogue; raises `GateError` when it answers something worse than before."""
    from warden.brains.rules import learning
    from warden.cli.compose import build_rule_brain
    from warden.cli.ledger_parts import read_small_file
    from warden.documents.catalog import load_catalog
    from warden.documents.catalog_edit import edited
    from warden.documents.catalog_patch import patched, read_patch, write_catalog

    patch = read_patch(read_small_file(file), str(file))
    wanted = patched(present, patch)
    data = edited(_bytes_of(settings), present, wanted)
    changed = _read_if_any(data)
    if data is None or changed is None or changed.entries != wanted.entries:
        talk("the changed catalogue is written anew, without its comments; the version before is kept with them")
        data = write_catalog(wanted)
        changed = load_catalog(data, str(file))
    facts = _facts(settings)
    own = tuple(_own_questions(present))
    brains = [build_rule_brain(one) for one in (present, changed)]
    for example in own:
        before, after = (learning.answer_of(brain, facts, example) for brain in brains)
        if before == example.entry != after:
            raise GateError(f"with this patch {quote(example.body)} is not answered any more", "leave that alias out")
    for case in patch.cases:
        example = learning.Example("case", case.subject, case.body, case.entry)
        if learning.answer_of(brains[1], facts, example) != case.entry:
            raise GateError(f"the patch does not answer its own case {quote(case.body)}", f"with {quote(case.entry)}")
    return data


def _bytes_of(settings: Settings) -> bytes:
    from warden.cli.run_parts import read_documents

    return read_documents(settings).catalog.data


def _read_if_any(data: bytes | None) -> Catalog | None:
    """Return the catalogue that an edited text is, None when it is none."""
    from warden.documents.catalog import load_catalog

    try:
        return None if data is None else load_catalog(data, "the edited catalogue")
    except DocumentError:
        return None


def _facts(settings: Settings) -> Callable[[Message], MessageFacts]:
    from warden.guard.intent import read_facts

    def facts(message: Message) -> MessageFacts:
        return read_facts(message, settings.agent, settings.limits.hops, {})

    return facts


def _examples(catalog: Catalog, taught: tuple[tuple[int, str, str, str, str], ...]) -> Iterator[Example]:
    """Return what people's decisions say: a text that begins with an entry's answer is that entry's; an entry's answer that was
    replaced by another text is nobody's."""
    from warden.brains.rules.learning import Example

    for number, verdict, subject, body, sent in taught:
        entry = next((one.id for one in catalog.entries if sent.startswith(one.reply_body)), None)
        if entry is not None or verdict == "edit":
            yield Example(f"item {number}", subject, body, entry)


def _own_questions(catalog: Catalog) -> Iterator[Example]:
    from warden.brains.rules.learning import Example

    for entry in catalog.entries:
        for question in entry.questions:
            yield Example(f"question of {entry.id}", "", question, entry.id)


def _labelled(files: list[Path]) -> Iterator[Example]:
    from warden.brains.rules.learning import Example

    for file in files:
        try:
            with file.open("rb") as stream:
                lines = stream.read(MAX_EXAMPLES_BYTES).decode("utf-8").splitlines()
            for number, line in enumerate(lines, 1):
                record = jsonlib.loads(line)
                yield Example(f"{file.name}:{number}", record.get("subject", ""), record["body"], record.get("entry"))
        except (OSError, ValueError, KeyError, AttributeError, TypeError) as error:
            raise InputError(
                f"{quote(file)} does not hold labelled messages", "a JSON object a line: body, entry"
            ) from error


def _patch(catalog: Catalog, taught: tuple[Example, ...], found: list[tuple[str, str]]) -> CatalogPatch:
    from warden.documents.catalog_patch import Case, CatalogPatch, Change

    aliases: dict[str, list[str]] = {}
    for entry, alias in found:
        aliases.setdefault(entry, []).append(alias)
    changes = tuple(Change(entry, tuple(words)) for entry, words in aliases.items())
    cases = tuple(Case(one.body, one.entry, one.subject) for one in taught if one.entry in aliases and one.entry)
    return CatalogPatch(catalog.digest, changes, cases)


def _score(one: Score) -> dict[str, int]:
    return {
        "precision": one.precision,
        "recall": one.recall,
        "right": one.right,
        "wrong": one.wrong,
        "wanted": one.wanted,
    }


def _versions(file: Path) -> list[Path]:
    directory = file.with_name(file.name + VERSIONS)
    return sorted(directory.glob("*.yaml")) if directory.is_dir() else []


def _older(file: Path) -> bytes:
    versions = _versions(file)
    if not versions:
        raise InputError(f"no older version of {quote(file)} is kept", "only `warden catalog apply` keeps them")
    return versions[-1].read_bytes()


def _keep(file: Path) -> None:
    """Keep the present version under the next number; undoing uses the newest one up."""
    versions = _versions(file)
    directory = file.with_name(file.name + VERSIONS)
    directory.mkdir(mode=0o700, exist_ok=True)
    number = int(versions[-1].stem) + 1 if versions else 1
    _write(directory / f"{number:06d}.yaml", file.read_bytes())


def _write(file: Path, data: bytes) -> None:
    """Write a file whole or not at all; raises `InputError`."""
    beside = file.with_name(f".{file.name}.{os.getpid()}.tmp")
    try:
        with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(beside, file)
    except OSError as error:
        raise InputError(
            f"{quote(file)} cannot be written: {(error.strerror or '').lower()}", "name another file"
        ) from error
    finally:
        beside.unlink(missing_ok=True)
