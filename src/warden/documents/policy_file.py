"""One policy file, whatever its language, as something that the kernel takes as a layer."""

from __future__ import annotations

from warden.documents.bundle import load_bundle
from warden.errors import DocumentError, quote
from warden.policy.bundle import Bundle
from warden.policy.layer import Layer

YAML_SUFFIXES = (".yaml", ".yml")
CEDAR_SUFFIX = ".cedar"
SUFFIXES = (*YAML_SUFFIXES, CEDAR_SUFFIX)


def load_policy(data: bytes, name: str, origin: str = "operator") -> Bundle | Layer:
    """Return the layer in `data`; the suffix of `name` says which language it is in.

    Raises `DocumentError` with the file's name and, where known, the line.
    """
    if name.endswith(YAML_SUFFIXES):
        return load_bundle(data, name, origin)
    if name.endswith(CEDAR_SUFFIX):
        from warden.documents.cedar import load_cedar

        return load_cedar(data, name)
    raise DocumentError(f"policy file {quote(name)} has an unknown suffix", f"use one of {', '.join(SUFFIXES)}")
