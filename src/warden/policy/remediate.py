"""Applying a remediation: the safer request that a rule proposes instead."""

from __future__ import annotations

from dataclasses import replace

from warden.model.request import Remediation, Request


def apply(request: Request, remediation: Remediation) -> Request:
    """Return the request as the remediation changes it: topic and capability replaced, labels taken away, then added.

    Nothing is judged here, and every fact stays: the result goes through the kernel like any other request.
    """
    removed = set(remediation.remove_labels)
    kept = {name: value for name, value in request.labels.items() if name not in removed}
    return replace(
        request,
        topic=remediation.replacement_topic or request.topic,
        capability=remediation.replacement_capability or request.capability,
        labels={**kept, **remediation.add_labels},
    )
