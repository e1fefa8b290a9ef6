"""The rule brain says the same in every process."""

from __future__ import annotations

import os
import subprocess
import sys

PROGRAM = """
from importlib.resources import files
from warden.brains.rules.brain import RuleBrain
from warden.documents.catalog import load_catalog
from warden.model.ids import MessageKey
from warden.model.message import BrainInput, Mail, Message, MessageFacts, Principal
brain = RuleBrain(load_catalog(files("warden").joinpath("_charter/catalog.yaml").read_bytes(), "catalog.yaml"))
for body in ("Where do I get API credentials?", "Who owns the DNS API token?", "Who hands out an API key?"):
    mail = Mail("hello", body, "request", "t1")
    print(brain.propose(BrainInput(Message(MessageKey("h", "a", "m"), Principal("s"), "", mail), MessageFacts())))
"""


def test_the_order_of_hashes_changes_nothing() -> None:
    """Reason, detail, candidates and their order do not depend on how this process happens to hash words."""
    said = {
        subprocess.run(
            [sys.executable, "-c", PROGRAM],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2", "3", "4")
    }
    assert len(said) == 1
