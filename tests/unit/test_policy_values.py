"""The values of the policy room cannot be changed, and nothing can be put on them."""

from __future__ import annotations

import dataclasses
import importlib
import pkgutil
from collections.abc import Iterator

import pytest

import warden.policy


def values() -> Iterator[type]:
    """Every dataclass that a module of the room defines."""
    for info in pkgutil.iter_modules(warden.policy.__path__):
        module = importlib.import_module(f"warden.policy.{info.name}")
        for found in vars(module).values():
            if isinstance(found, type) and dataclasses.is_dataclass(found) and found.__module__ == module.__name__:
                yield found


@pytest.mark.parametrize("value", sorted(values(), key=repr), ids=repr)
def test_a_value_is_frozen_and_has_slots(value: type) -> None:
    """A value keeps what it was made with: the kernel may be shared between threads."""
    parameters = value.__dataclass_params__  # type: ignore[attr-defined]
    assert parameters.frozen
    assert "__slots__" in vars(value)
