"""The only reader of the environment and of config files; everybody else is handed one frozen `Settings`.

What it does: finds the configuration (`--config`, `WARDEN_CONFIG`, `$XDG_CONFIG_HOME/ops-warden/config.toml`), reads it
strictly, says where state lives, and resolves a credential from the file, command or variable that the configuration
names. What it does not: hold a credential's value, build an adapter, or judge anything.

Rules:

- `environment` is the one module of warden that looks at `os.environ`; a test walks the source and proves it.
- A key that the table in `schema` does not have is refused with the file, the key, and the nearest known one: a typing
  error never turns a limit off silently.
- A secret value written into config.toml is refused. It is named by `*_file`, `*_command` (an argument list, no shell)
  or `*_variable`.
- Limits are lowered only: a value above the built-in bound is refused, not clipped.
- The table is checked by hand-written code of some hundred lines rather than by pydantic: every start of `warden` reads
  the configuration, and importing pydantic and building its models costs more than the rest of such a start.
"""
