"""Who runs this command: the operating system's word for it, never a flag."""

from __future__ import annotations

import os
import pwd


def operator_name() -> str:
    """Return `uid:1000(ada)`, or `uid:1000` for a user without a name, of this process's real user."""
    uid = os.getuid()
    name = _name_of(uid)
    return f"uid:{uid}({name})" if name else f"uid:{uid}"


def user_name() -> str:
    """Return the name of this process's real user, its number when it has none."""
    uid = os.getuid()
    return _name_of(uid) or str(uid)


def _name_of(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return ""
