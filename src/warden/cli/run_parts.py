"""Puts the parts of a run together, each made only when it is first needed.

A run on an empty inbox reads neither the charter's rules nor the catalogue's entries: their digests are enough for its two
entries. The wrappers here stand for kernel, catalogue and brain until somebody asks them something.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from warden.config.settings import Settings
from warden.errors import InputError, quote
from warden.model.digests import digest_bytes

if TYPE_CHECKING:
    from warden.model.catalog import Catalog, CatalogEntry
    from warden.model.finding import Finding
    from warden.model.message import BrainInput
    from warden.model.plan import Plan
    from warden.model.request import Decision, Request, VelocityKey
    from warden.policy import Kernel
    from warden.ports import Brain, Scanner


RULE = "rule"
MAX_CATALOG_BYTES = 4 * 1024 * 1024


class LazyKernel:
    """The kernel, read when it is first asked for a judgement; the digest of its charter is known before."""

    def __init__(self, charter_digest: str, build: Callable[[], tuple[Kernel, tuple[str, ...]]]) -> None:
        self.charter_digest = charter_digest
        self._build = build

    @cached_property
    def _built(self) -> tuple[Kernel, tuple[str, ...]]:
        return self._build()

    @property
    def value(self) -> Kernel:
        """The kernel; raises `CharterError`, and what is wrong with an overlay."""
        return self._built[0]

    def alerts(self) -> tuple[str, ...]:
        """Return what went wrong while the overlays were loaded."""
        return self._built[1]

    @property
    def snapshot(self) -> str:
        """Identity of charter and bundles."""
        return self.value.snapshot

    def evaluate(self, request: Request) -> Decision:
        """Return the decision."""
        return self.value.evaluate(request)

    def velocity_keys(self, request: Request) -> tuple[VelocityKey, ...]:
        """Return the counts that must be put into the request before `evaluate`."""
        return self.value.velocity_keys(request)


class LazyCatalog:
    """The catalogue, parsed when it is first looked into; the digest of its bytes is known before."""

    def __init__(self, data: bytes, name: str) -> None:
        self.digest = digest_bytes(data)
        self.data = data
        self._name = name

    @cached_property
    def value(self) -> Catalog:
        """The catalogue; raises `DocumentError`."""
        from warden.documents.catalog import load_catalog

        return load_catalog(self.data, self._name)

    def parse(self) -> None:
        """Parse it now; raises `DocumentError`."""
        _ = self.value

    def find(self, entry_id: str) -> CatalogEntry | None:
        """Return the entry with this id, or None."""
        return self.value.find(entry_id)


class LazyScanner:
    """A scanner that is built when there is first something to scan."""

    def __init__(self, build: Callable[[], Scanner]) -> None:
        self._build = build

    @cached_property
    def _scanner(self) -> Scanner:
        return self._build()

    @property
    def digest(self) -> str:
        """Digest of the rules and of the enrolled values."""
        return self._scanner.digest

    def scan(self, text: str) -> tuple[Finding, ...]:
        """Return all findings in `text`."""
        return self._scanner.scan(text)


class LazyBrain:
    """A brain that is built when it is first asked; its name and digest are known before."""

    def __init__(self, name: str, digest: str, build: Callable[[], Brain]) -> None:
        self.name = name
        self.digest = digest
        self._build = build

    @cached_property
    def _brain(self) -> Brain:
        return self._build()

    def propose(self, given: BrainInput) -> Plan:
        """Return the brain's plan."""
        return self._brain.propose(given)


@dataclass(frozen=True, slots=True)
class Documents:
    """What a run reads of files before it starts: charter bytes, catalogue, both unparsed."""

    kernel: LazyKernel
    catalog: LazyCatalog
    charter_prose: bytes = b""

    @property
    def charter_text(self) -> str:
        """The charter as people and models read it."""
        return self.charter_prose.decode("utf-8")


def read_documents(settings: Settings, as_one: bool = False) -> Documents:
    """Return kernel and catalogue for these settings, unparsed.

    With `as_one` what is wrong with the catalogue comes out when the kernel is first asked, before the first judgement: it is
    a fault of the configuration, and must not be taken for a brain that fails at every message.

    Raises `CharterError` when the packaged charter is missing or changed (no charter, no run), `GateError` when a configured
    key did not sign it, `InputError` for a catalogue that cannot be read.
    """
    from warden.cli.policy_parts import read_charter_files
    from warden.documents.pin import charter_digest

    files = read_charter_files(settings)
    catalog = LazyCatalog(*_catalog_bytes(settings.catalog, files))

    def build() -> tuple[Kernel, tuple[str, ...]]:
        if as_one:
            catalog.parse()
        return _kernel(files, settings)

    return Documents(LazyKernel(charter_digest(files), build), catalog, files["charter.md"])


def _kernel(files: Mapping[str, bytes], settings: Settings) -> tuple[Kernel, tuple[str, ...]]:
    from warden.cli.output import talk
    from warden.cli.policy_parts import load_policy_set, lowered_limits
    from warden.documents.charter import load_charter
    from warden.policy import Kernel

    found = load_policy_set(settings)
    for alert in found.alerts:
        talk(f"alert: {alert}")
    return Kernel(load_charter(files), found.layers, lowered_limits(settings)), found.alerts


def _catalog_bytes(path: Path | None, files: Mapping[str, bytes]) -> tuple[bytes, str]:
    if path is None:
        return files.get("catalog.yaml", b""), "catalog.yaml"
    if path.exists() and not path.is_file():
        raise InputError(f"catalogue {quote(path)} is not an ordinary file", "name a file")
    try:
        with path.open("rb") as stream:
            data = stream.read(MAX_CATALOG_BYTES + 1)
    except OSError as error:
        hint = "name a routing catalogue with --catalog, or leave it out for the one that ships"
        raise InputError(f"catalogue {quote(path)} cannot be read: {error.strerror}", hint) from error
    if len(data) > MAX_CATALOG_BYTES:
        raise InputError(f"catalogue {quote(path)} is larger than {MAX_CATALOG_BYTES} bytes", "split it")
    return data, str(path)


BRAINS = (RULE, "llm", "auto")


def asks_a_model(settings: Settings) -> bool:
    """Return whether the configured brain asks a model; raises `InputError` for a brain that does not exist."""
    if settings.brain not in BRAINS:
        raise InputError(f"there is no brain {quote(settings.brain)}", "one of: " + ", ".join(BRAINS))
    return settings.brain != RULE


def lazy_rule_brain(catalog: LazyCatalog, settings: Settings) -> Brain:
    """Return the rule brain over a catalogue that need not be parsed yet."""
    from warden.brains.rules.identity import rule_brain_digest

    return LazyBrain(RULE, with_orders(settings, rule_brain_digest(catalog.digest)), lambda: _rule_brain(catalog))


def with_orders(settings: Settings, digest: str) -> str:
    """Return the digest of all that proposes: the brain's, and where events are taken in that of the rules for them, so that
    the gate of unattended running closes when either changes. Raises `InputError` for rules that cannot be read."""
    if settings.intake is None or settings.intake.rules is None:
        return digest
    from warden.cli.intake_parts import read_rules
    from warden.model.digests import digest_value

    return digest_value({"brain": digest, "orders": digest_bytes(read_rules(settings.intake.rules))})


def brain_digest(settings: Settings, catalog_digest: str, charter_digest: str) -> str:
    """Return the digest that the configured brain has over these.

    Raises `InputError` for a brain that does not exist, `ConfigError` for one whose model is not configured.
    """
    if asks_a_model(settings):
        from warden.cli.model_parts import digest_with

        return digest_with(settings, catalog_digest, charter_digest)
    from warden.brains.rules.identity import rule_brain_digest

    return with_orders(settings, rule_brain_digest(catalog_digest))


def _rule_brain(catalog: LazyCatalog) -> Brain:
    from warden.brains.rules.brain import RuleBrain

    return RuleBrain(catalog.value)
