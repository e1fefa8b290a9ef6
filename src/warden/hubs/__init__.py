"""Hubs: where messages wait. One file per hub, all behind `warden.ports.Hub`.

What it does: `embedded` keeps messages, threads, progress, tokens and idempotency keys in one SQLite file; `http` speaks to
any hub over HTTP, as a `profile` (data) describes it; `contract` is the one definition of what may be stored, used by
both, by the server and by the fakes. What it does not: decide what is answered, retry a POST, read configuration or the
environment, know a server or a terminal.

Rules:

- What goes in is checked by `contract` before anything is stored or sent; a refusal names the field, never the value.
- One writer per database file: every write transaction holds the file lock `<database>.lock`, in this process and across
  processes, and many writes share one commit. Nothing is answered before its commit is durable.
- Listing never changes anything. Cursors are the order of commits, so that nothing that arrives later can be skipped.
- Looking needs a part in it: a message or thread that one takes no part in does not exist for one.
- What an HTTP hub answers is untrusted: bounded in size, time and depth, read field by field, quarantined one by one.
- `contract` and `profile` are pure. sqlite3 and httpx are imported by the modules that need them, when they are built.
"""
