"""Who runs this command: the operating system's word for it, never a flag."""

from __future__ import annotations

import os
import pwd


def operator_name() -> str:
    """Return `uid:1000(ada)`, or `uid:1000` for a user without a name, of this process's real user."""
    uid = os.getuid()
    try:
        name = pwd.getpwuid(uid).pw_name
    except KeyError:
        name = ""
    return f"uid:{uid}({name})" if name else f"uid:{uid}"
