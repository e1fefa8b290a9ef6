"""The command line: one file per command, and the only place where adapters are built.

What it does: turns arguments into options, settings into adapters (`compose`), the engine's reports into text or JSON,
and errors into one line, a hint and an exit status. What it does not: decide anything about a message, read the
environment (`config` does), or speak to a hub or a file on its own.

Rules:

- stdout carries data, stderr carries talk. `--json` output names its schema and stays stable.
- A command's module is imported only when that command is called; adapters and heavy packages only when they are used.
- Commands on the hot path (`fastpath.HOT`) declare their options as data, from which both the typer command and a tiny
  parser are made: one definition, and a scheduled run does not pay for a command-line framework.
- No traceback for a user's mistake, no secret in any message, no question unless stdin is a terminal.
"""
