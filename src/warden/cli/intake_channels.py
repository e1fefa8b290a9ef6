"""The channels that an operator's own rules can name: scripts, workloads, triggers."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from contextlib import ExitStack

    from warden.channels.script import ScriptTerms
    from warden.config.settings import Settings
    from warden.orders.book import TriggerBook
    from warden.ports import Channel, Clock, Scanner


def build_operator_channels(
    settings: Settings, clock: Clock, scanner: Scanner, book: TriggerBook, stack: ExitStack
) -> Mapping[str, Channel]:
    """Return the channels by name; without a pipe what is for it waits in the outbox. `stack` gives files back."""
    from warden.channels.pipe import PipeChannel
    from warden.channels.script import ScriptChannel
    from warden.guard import clean
    from warden.store.script_runs import ScriptRuns

    runs = ScriptRuns(settings.script_runs_file, clock)
    stack.callback(runs.close)
    # INVARIANT (no-secret): what a program prints is redacted before it is kept.
    script = ScriptChannel(script_terms(settings, book), runs, lambda text: clean(scanner, text).text)
    workload = settings.workload
    pipe = None if workload is None else workload.trigger_pipe
    reports = workload is not None and workload.lifecycle_socket is not None
    return {"script": script, "workload": PipeChannel(pipe, reports), "trigger": PipeChannel(pipe, False)}


def script_terms(settings: Settings, book: TriggerBook) -> Callable[[str], ScriptTerms | None]:
    """Return what gives the terms of a rule by its name `set/rule`, None for a rule that is not there any more."""
    from pathlib import Path

    from warden.channels.script import ScriptTerms
    from warden.config.workload_settings import WorkloadSettings

    shared = (settings.workload or WorkloadSettings()).script_variables

    def terms(name: str) -> ScriptTerms | None:
        rule = book.rule(name)
        plan = None if rule is None else rule.script
        if plan is None:
            return None
        names = {*shared, *plan.environment} & set(settings.variables)
        return ScriptTerms(
            directory=Path(plan.directory),
            environment={one: settings.variables[one] for one in sorted(names)},
            timeout_s=float(plan.timeout_s),
            cpu_s=plan.cpu_s,
            memory_bytes=plan.memory_bytes,
            open_files=plan.open_files,
            retries=plan.retries,
            retry_after_s=float(plan.retry_after_s),
            repeatable=plan.repeatable,
        )

    return terms
