"""The kernel: the charter and the layers above it, met.

`Kernel` is the only judge that the engine is given. `UnsafeBareKernel` judges bundles without a charter, for looking at
policy files that were written for other systems; nothing is ever delivered on its word.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from types import MappingProxyType

from warden.errors import ConfigError, quote
from warden.model.digests import digest_value
from warden.model.request import Decision, Effect, Request, VelocityKey
from warden.policy.bundle import Bundle
from warden.policy.charter import LIMIT_NAMES, Charter, CharterLayer, Kind, Limits, Tier
from warden.policy.combine import meet_all
from warden.policy.explanation import Explanation, LayerTrace
from warden.policy.facts import Facts
from warden.policy.layer import Layer
from warden.policy.obligations import discharge
from warden.policy.overlay import NO_MATCH, Overlay


def snapshot_id(version: str, parts: Iterable[tuple[str, str]]) -> str:
    """Return `<version>:<sha256>` over the sorted (name, digest) pairs."""
    digest = digest_value([[name, contents] for name, contents in sorted(parts)])
    return f"{version}:{digest.removeprefix('sha256:')}"


def _layers(bundles: Iterable[Bundle | Layer]) -> tuple[Layer, ...]:
    layers = tuple(Overlay(item) if isinstance(item, Bundle) else item for item in bundles)
    ordered = tuple(sorted(layers, key=lambda layer: layer.name))
    names = [layer.name for layer in ordered]
    for name in names:
        if names.count(name) > 1 or name in ("charter", "kernel"):
            raise ConfigError(f"two policy layers are called {quote(name)}", "give each policy file its own name")
    return ordered


def _failure(layer: str, error: Exception) -> Decision:
    """Return the denial that stands for an error: the class is named, the text is not, for it may hold anything."""
    text = f"{layer}: {type(error).__name__}"
    return Decision(Effect.DENY, (f"{layer}/error",), ("an error while judging is a deny",), errors=(text,))


def _ask(layer: str, judge: Callable[[], Decision | None]) -> Decision | None:
    try:
        return judge()
    except Exception as error:  # noqa: BLE001
        # INVARIANT (fail-closed): whatever goes wrong inside a layer is that layer's deny.
        return _failure(layer, error)


def _velocity_keys(layers: Iterable[Layer], request: Request) -> tuple[VelocityKey, ...]:
    return tuple(key for layer in layers for key in layer.velocity_keys(request))


class Kernel:
    """Judges requests against a charter and bundles. Immutable; safe to share between threads.

    `limits` lowers limits of the charter by name; a higher or unknown one raises `ConfigError`, as do two layers of one
    name. Layers other than bundles (the Cedar adapter) are taken as they are.
    """

    __slots__ = ("_base", "_charter", "_layers", "charter", "charter_digest", "kinds", "limits", "snapshot")

    charter: Charter
    charter_digest: str
    kinds: Mapping[str, Tier]
    limits: Limits
    snapshot: str
    _base: CharterLayer
    _layers: tuple[Layer, ...]

    def __init__(
        self, charter: Charter, bundles: Sequence[Bundle | Layer] = (), limits: Mapping[str, int] | None = None
    ) -> None:
        effective = charter.limits.lowered(limits or {})
        layers = _layers(bundles)
        numbers = {name: getattr(effective, name) for name in LIMIT_NAMES}
        parts = [("charter", charter.digest), ("limits", digest_value(numbers))]
        values: dict[str, object] = {
            "charter": charter,
            "charter_digest": charter.digest,
            "kinds": MappingProxyType({name: kind.tier for name, kind in charter.kinds.items()}),
            "limits": effective,
            "snapshot": snapshot_id(charter.version, [*parts, *((f"bundle:{x.name}", x.digest) for x in layers)]),
            "_base": CharterLayer(charter, effective),
            "_layers": layers,
        }
        for name, value in values.items():
            object.__setattr__(self, name, value)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError("a kernel is immutable: build another one")

    def __delattr__(self, name: str) -> None:
        raise AttributeError("a kernel is immutable: build another one")

    @property
    def layer_names(self) -> tuple[str, ...]:
        """The names of the layers above the charter, sorted."""
        return tuple(layer.name for layer in self._layers)

    def kind(self, request: Request) -> Kind | None:
        """Return the charter's entry for the kind that the request's topic names, or None."""
        name = self._base.kind_of(request)
        return None if name is None else self.charter.kinds[name]

    def evaluate(self, request: Request) -> Decision:
        """Return the decision; never raises, and an error while judging is a deny that names the layer."""
        try:
            facts = Facts(request)
            answers = [_ask("charter", lambda: self._base.judge(facts)) or _failure("charter", ValueError())]
            for layer in self._layers:
                answer = _ask(layer.name, lambda layer=layer: layer.judge(facts))  # type: ignore[misc]
                if answer is not None:
                    answers.append(answer)
            return self._settle(request, facts, answers)
        except Exception as error:  # noqa: BLE001
            # INVARIANT (fail-closed): a request that cannot even be read is denied.
            return meet_all([_failure("kernel", error)], self.snapshot)

    def _settle(self, request: Request, facts: Facts, answers: list[Decision]) -> Decision:
        decision = meet_all(answers, self.snapshot)
        kind = self.kind(request)
        return decision if kind is None else discharge(decision, kind, facts)

    def explain(self, request: Request) -> Explanation:
        """Return how `evaluate` comes to its answer; the decision in it is that of `evaluate`."""
        decision = self.evaluate(request)
        return Explanation(_traces((self._base, *self._layers), request), decision, _notes(decision))

    def velocity_keys(self, request: Request) -> tuple[VelocityKey, ...]:
        """Return the counts that must be put into the request before `evaluate`.

        After a request was allowed, its buckets are recorded with it, so that later ones find them counted.
        """
        return _velocity_keys(self._layers, request)


def _traces(layers: Iterable[Layer], request: Request) -> tuple[LayerTrace, ...]:
    traces: list[LayerTrace] = []
    for layer in layers:
        try:
            traces.append(layer.trace(Facts(request)))
        except Exception as error:  # noqa: BLE001
            traces.append(LayerTrace(layer.name, (), _failure(layer.name, error), "the layer failed"))
    return tuple(traces)


def _notes(decision: Decision) -> tuple[str, ...]:
    return tuple(rule_id for rule_id in decision.rule_ids if rule_id.startswith("kernel/"))


class UnsafeBareKernel:
    """Judges bundles alone, without the charter's floor. Never given to the engine."""

    def __init__(self, bundles: Sequence[Bundle | Layer]) -> None:
        self._layers = _layers(bundles)
        version = "+".join(sorted({layer.version for layer in self._layers})) or "none"
        self.snapshot = snapshot_id(version, ((f"bundle:{layer.name}", layer.digest) for layer in self._layers))

    def evaluate(self, request: Request) -> Decision:
        """Return the meet of all bundles; no bundle, or none with an opinion, is a deny."""
        try:
            facts = Facts(request)
            asked = [_ask(layer.name, lambda layer=layer: layer.judge(facts)) for layer in self._layers]  # type: ignore[misc]
            answers = [answer for answer in asked if answer is not None]
            return meet_all(answers or [Decision(Effect.DENY, (), (NO_MATCH,))], self.snapshot)
        except Exception as error:  # noqa: BLE001
            return meet_all([_failure("kernel", error)], self.snapshot)

    def explain(self, request: Request) -> Explanation:
        """Return how `evaluate` comes to its answer."""
        return Explanation(_traces(self._layers, request), self.evaluate(request))
