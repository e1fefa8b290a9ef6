"""The composition root: the only place that builds adapters from settings.

Every builder imports what it builds when it is called, so that a command pays for what it uses and nothing else.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from warden.config.load import Overrides, load
from warden.config.settings import Settings
from warden.config.state import ensure_private_dir

if TYPE_CHECKING:
    from warden.ports import Hub


def load_settings(
    config: Path | None = None,
    state_dir: Path | None = None,
    hub: str | None = None,
    agent: str | None = None,
    catalog: Path | None = None,
    brain: str | None = None,
) -> Settings:
    """Return the settings with what the command line says put over them; raises `ConfigError`."""
    return load(Overrides(config=config, state_dir=state_dir, hub=hub, agent=agent, catalog=catalog, brain=brain))


def open_hub(settings: Settings) -> Hub:
    """Return the hub that the settings name: embedded, or over HTTP. The caller closes it.

    Raises `ConfigError` for a credential or profile that cannot be used, `StateError` for the embedded hub's file.
    """
    if settings.hub.url is None:
        from warden.hubs.embedded import EmbeddedHub

        ensure_private_dir(settings.state_dir)
        return EmbeddedHub(settings.hub_file)
    raise NotImplementedError
