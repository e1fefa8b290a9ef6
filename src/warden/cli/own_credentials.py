"""warden's own credentials as commands fetch them: what is fetched is held back from what the command shows.

What it does: is the one way by which a command gets the value of a credential. What it does not: say where credentials
lie (`config.credential`), or look at what is written (`streams`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from warden.cli.streams import keep_back
from warden.config.credential import CredentialSource, fetch_credential

if TYPE_CHECKING:
    from warden.config.settings import Settings


def fetch_own(source: CredentialSource, settings: Settings) -> str | None:
    """Return the credential's value, or None when the configuration names none; raises `ConfigError` (`fetch_credential`)."""
    value = fetch_credential(source, settings.variables)
    # INVARIANT (no-secret): from here on neither stdout nor stderr shows it, in any of its forms.
    if value:
        keep_back(value)
    return value
