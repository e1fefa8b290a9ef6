"""A bed whose brain asks a scripted model."""

from __future__ import annotations

from typing import Any

from enginebed import Bed
from warden.engine.parts import Asking
from warden.model.budget import Budget
from warden.testing.consultation import ScriptedModel


def model_bed(model: ScriptedModel | None = None, budget: Budget = Budget(), parallel: int = 1, **more: Any) -> Bed:
    """A worker whose brain asks this model."""
    model = model or ScriptedModel()
    bed = Bed(**more)
    bed.brain = model
    bed.asking = Asking(model, lambda: budget, parallel)
    return bed
