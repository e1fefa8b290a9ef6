"""The review console: pages and a JSON API for people who decide what warden leaves to them.

What it does: signs people in, shows the queue and what stands behind each item, and hands their decisions to
`engine.review` and `engine.review_rulings`, as the command line does. What it does not: judge, deliver, read configuration,
build adapters; it is given all of that (`parts`). Rules:

- GET shows and POST decides. Each POST carries the session's CSRF token and comes from our own origin.
- Every route stands in one table (`routes.ROUTES`) with the role that it takes; what takes none says why.
- A session is a random token whose hash is kept in `console.db` (mode 600); it is made anew at sign-in, ended by a change of
  role or passphrase, and runs out when idle and at an age. Nothing that a client brings becomes a session.
- A decision names what was shown (`seen`): when the item is another by then, nothing is decided and the person looks again.
- What others wrote is escaped by the template engine, shown with its hidden characters written out, and never a link.
- No page has a script or a style in it, or anything from elsewhere: the content security policy forbids both.
- Everything works without JavaScript; the script adds shortcuts, selection and live updates.
- Starlette, Jinja2 and argon2 are imported here only, when the console is served.
"""
