"""`warden` and `python -m warden`."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command that the process was started with, and exit with its status."""
    from warden.cli.errors import tell_uncaught
    from warden.cli.main import run

    tell_uncaught(sys.argv[1:])
    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
