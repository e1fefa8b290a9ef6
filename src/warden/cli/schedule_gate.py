"""The gate of unattended running as a pass meets it: what is signed off, against what the pass would be judged under now."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from warden.cli.run_parts import Documents, brain_digest
from warden.config.policy_files import policy_files_digest
from warden.config.settings import Settings
from warden.errors import GateError
from warden.model.alerts import GATE_DRIFT
from warden.model.entry import Batch
from warden.model.schedule import OVERLAY, Basis, Enabled
from warden.schedule.gate import NOT_ENABLED, Gate, judge_gate
from warden.store import schedule

if TYPE_CHECKING:
    from warden.model.request import Decision, Request, VelocityKey
    from warden.ports import PolicyKernel
    from warden.store.sqlite import SqliteLedgerStore


class PresentParts:
    """What a pass with these documents would be judged under: `schedule.gate.Present`. Nothing is parsed for an idle pass."""

    def __init__(self, settings: Settings, documents: Documents) -> None:
        self._settings = settings
        self._documents = documents

    @property
    def charter_digest(self) -> str:
        """Digest of the charter."""
        return self._documents.kernel.charter_digest

    @property
    def catalog_digest(self) -> str:
        """Digest of the catalogue's bytes."""
        return self._documents.catalog.digest

    def brain_digest(self, catalog_digest: str) -> str:
        """Digest of the brain, were it to answer from the catalogue with this digest."""
        return brain_digest(self._settings, catalog_digest, self.charter_digest)

    def same_policies(self, enabled: Enabled) -> bool:
        """Whether the policies give the snapshot that was signed off; they are loaded only when their files changed."""
        if policy_files_digest(self._settings, self.charter_digest) == enabled.policy_files_digest:
            return True
        return self._documents.kernel.snapshot == enabled.basis.snapshot

    def basis(self) -> Basis:
        """Return all of it; the policies are loaded."""
        brain = self.brain_digest(self.catalog_digest)
        return Basis(self.charter_digest, self._documents.kernel.snapshot, brain, self.catalog_digest)


class BoundKernel:
    """A kernel that must be the one that was signed off: policies that change between the gate and the first judgement end the
    pass before anything is judged."""

    def __init__(self, kernel: PolicyKernel, snapshot: str) -> None:
        self._kernel = kernel
        self._snapshot = snapshot

    def _checked(self) -> PolicyKernel:
        # INVARIANT (fail-closed): the gate was opened for exactly one snapshot.
        if self._kernel.snapshot != self._snapshot:
            raise GateError("the policies changed while the pass began", "the next pass looks at the gate again")
        return self._kernel

    @property
    def charter_digest(self) -> str:
        """Digest of the charter."""
        return self._kernel.charter_digest

    @property
    def snapshot(self) -> str:
        """Identity of charter and bundles; raises `GateError` when it is not the one that was signed off."""
        return self._checked().snapshot

    def evaluate(self, request: Request) -> Decision:
        """Return the decision."""
        return self._checked().evaluate(request)

    def velocity_keys(self, request: Request) -> tuple[VelocityKey, ...]:
        """Return the counts that must be put into the request before `evaluate`."""
        return self._checked().velocity_keys(request)


def look_at_gate(
    settings: Settings, documents: Documents, store: SqliteLedgerStore, hub_id: Callable[[], str]
) -> tuple[Gate, Enabled | None]:
    """Return the gate for this agent at this hub and what it was opened for; drift is an alert, once."""
    gates = store.read(lambda connection: schedule.read_gates(connection, settings.agent))
    enabled = next((gate for gate in gates if gate.scope.hub_id == hub_id()), None) if gates else None
    if enabled is None:
        return NOT_ENABLED, None
    gate = judge_gate(enabled, PresentParts(settings, documents))
    if gate.drift:
        _alert_drift(settings.agent, gate, store)
    return gate, enabled


def bind_kernel(kernel: PolicyKernel, enabled: Enabled) -> PolicyKernel:
    """Return the kernel for a pass that the gate lets execute."""
    return kernel if OVERLAY in enabled.allow_drift else BoundKernel(kernel, enabled.basis.snapshot)


def _alert_drift(agent: str, gate: Gate, store: SqliteLedgerStore) -> None:
    detail = ", ".join(gate.drift)
    standing = store.read(lambda connection: schedule.read_alerts(connection, agent))
    if not any(alert.code == GATE_DRIFT and alert.detail == detail for alert in standing):
        from warden.schedule.entries import alert

        store.commit(Batch((alert(GATE_DRIFT, agent, detail),)))
