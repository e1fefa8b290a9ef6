"""What a scanner reports: that a secret value stands somewhere, never the value."""

from __future__ import annotations

from typing import NamedTuple


class Finding(NamedTuple):
    """A secret of `kind` at characters `start` to `end` of the scanned text (half open), found by `rule_id`.

    `form` names the normalisation in which it was seen (`plain`, `base64`, ...); for a form whose place in the original
    text is not known exactly, the span covers the whole region that was decoded.
    """

    kind: str
    start: int
    end: int
    rule_id: str
    form: str = "plain"
