"""Servers: ASGI applications over what warden has, and the processes that run them.

What it does: `hub` serves the embedded hub under its REST contract, `console` the review queue as pages. What it does not:
decide anything, read configuration, hold state of its own (but for who may sign in to the console). Rules:

- A request is untrusted until it was read whole, within its bounds of size and time, and checked field by field.
- An answer to a write is sent after its commit, and many writes share a commit (`hub_writer`); the event loop never waits
  for a disk.
- Every refusal has one shape, `{"error": {"code", "message", "field"?}}`, and repeats no value that was sent.
- The routes and their statuses are one table (`hub_openapi`), from which the document at `/openapi.json` is made.
- Starlette and uvicorn are imported here and nowhere else, and only when a server is built.
"""
