"""Signing in and out, one's own account, and (for admins) the console's people and sessions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from warden.errors import InputError, WardenError
from warden.server.console.accounts import csrf_of
from warden.server.console.look import page
from warden.server.console.model import ROLES
from warden.server.console.visit import Answer, RefusedVisitError

if TYPE_CHECKING:
    from warden.server.console.visit import Visit

FORM_AGE_S = 3600


def local_path(text: str) -> str:
    """Return where to go after signing in: a path of this console, else the start page."""
    fine = text.startswith("/") and not text.startswith("//") and "\\" not in text and text.isprintable()
    return text if fine and len(text) <= 500 and not text.startswith("/sign") else "/"


def show_sign_in(visit: Visit, status: int = 200, problem: str = "", retry_after_s: int | None = None) -> Answer:
    """Show the form; a link's token is taken from the address only to be posted."""
    link = visit.query.get("link", "") or visit.field("link")
    done = page(
        visit,
        "sign_in.html",
        status=status,
        form_csrf=csrf_of(visit.form_token),
        link=link[:200],
        next=local_path(visit.query.get("next", "") or visit.field("next") or "/"),
        problem=problem,
    )
    headers = {} if retry_after_s is None else {"retry-after": str(retry_after_s)}
    cookie = (visit.parts.site.form_cookie, visit.form_token, FORM_AGE_S)
    return Answer(done.body, done.status, headers=headers, cookies=(cookie,))


def sign_in(visit: Visit) -> Answer:
    """Sign somebody in: a new session, whatever the browser brought."""
    accounts, site = visit.parts.accounts, visit.parts.site
    link, name = visit.field("link"), visit.field("name")
    wait_s = accounts.claim(visit.address, None if link else name)
    if wait_s:
        accounts.note("?", "sign-in refused", "too many", visit.address)
        return show_sign_in(visit, 429, f"Too many attempts. Try again in {wait_s} s, or use a one-time link.", wait_s)
    if link:
        token = accounts.sign_in_with_link(link, visit.address)
        problem = "This link was used, has run out, or is not one. Make another with `warden console link`."
    else:
        token = accounts.sign_in(name, visit.field("passphrase"), visit.address)
        problem = "Name and passphrase do not fit."
    if token is None:
        return show_sign_in(visit, 403, problem)
    old = visit.cookies.get(site.session_cookie, "")
    if old:
        accounts.sign_out(old)
    cookies = ((site.session_cookie, token, None), (site.form_cookie, "", 0))
    return Answer(location=local_path(visit.field("next")), cookies=cookies)


def sign_out(visit: Visit) -> Answer:
    """End the session."""
    site = visit.parts.site
    visit.parts.accounts.sign_out(visit.cookies.get(site.session_cookie, ""))
    return Answer(location="/sign-in", cookies=((site.session_cookie, "", 0),))


def prefer(visit: Visit) -> Answer:
    """Keep a theme for this browser."""
    theme = visit.field("theme")
    if theme not in ("light", "dark", "system"):
        raise RefusedVisitError(422, "there is no such theme")
    back = local_path(visit.field("back"))
    return Answer(location=back, cookies=(("warden_theme", "" if theme == "system" else theme, 365 * 86_400),))


def account(visit: Visit, status: int = 200, problem: WardenError | None = None, note: str = "") -> Answer:
    """Show one's own account."""
    user = visit.parts.accounts.user(visit.who.user)
    mine = [row for row in visit.parts.accounts.sessions() if row.user == visit.who.user]
    return page(visit, "account.html", status=status, user=user, sessions=mine, problem=problem, note=note)


def change_passphrase(visit: Visit) -> Answer:
    """Set one's own passphrase; every session ends but a new one for this browser."""
    accounts, who = visit.parts.accounts, visit.who
    user = accounts.user(who.user)
    if user is not None and user.has_passphrase:
        wait_s = accounts.claim(visit.address, who.user)
        if wait_s:
            error = RefusedVisitError(429, f"too many attempts: try again in {wait_s} s", retry_after_s=wait_s)
            return account(visit, 429, error)
        if not accounts.knows(who.user, visit.field("old"), visit.address):
            return account(visit, 403, RefusedVisitError(403, "the present passphrase is another one"))
    if visit.field("new") != visit.field("again"):
        return account(visit, 422, InputError("the two new passphrases differ"))
    try:
        accounts.change_user(who.user, who.user, passphrase=visit.field("new"))
    except InputError as error:
        return account(visit, 422, error)
    return Answer(location="/sign-in", cookies=((visit.parts.site.session_cookie, "", 0),))


def show(visit: Visit, status: int = 200, problem: WardenError | None = None) -> Answer:
    """Show people, sessions and the audit."""
    accounts = visit.parts.accounts
    return page(
        visit,
        "people.html",
        status=status,
        users=accounts.users(),
        sessions=accounts.sessions(),
        tokens=accounts.tokens(),
        events=accounts.events(100),
        roles=list(ROLES),
        problem=problem,
    )


def change(visit: Visit) -> Answer:
    """Change somebody's role, or keep them out; their sessions end."""
    accounts, name, what = visit.parts.accounts, visit.params["name"], visit.params["what"]
    if name == visit.who.user:
        return show(
            visit, 422, InputError("nobody changes their own role here", "use the command line, or ask another admin")
        )
    try:
        if what == "role" and visit.field("role") in ROLES:
            accounts.change_user(name, visit.who.user, role=ROLES[visit.field("role")])
        elif what in ("disable", "enable"):
            accounts.change_user(name, visit.who.user, disabled=what == "disable")
        else:
            raise RefusedVisitError(422, "there is no such change")
    except InputError as error:
        return show(visit, 422, error)
    return Answer(location="/people")


def end_session(visit: Visit) -> Answer:
    """End somebody's session."""
    visit.parts.accounts.end_session(visit.params["key"], visit.who.user)
    return Answer(location="/people")
