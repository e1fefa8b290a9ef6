"""Nobody comes in whom the console does not know, and nothing is decided that a person did not send from its own pages."""

from __future__ import annotations

import os
import threading

import pytest

from consolebed import ORIGIN, PASSPHRASE, PORT, QUESTION, Browser, ConsoleBed, csrf_in, empty_bed, seen_in
from warden.errors import ConfigError, InputError, StateError
from warden.server.console.database import ConsoleDatabase
from warden.server.console.model import Role
from warden.server.console.passphrases import Passphrases
from warden.server.console.routes import ROUTES, Route
from warden.server.console.serve import check_bind, site_of
from warden.server.console.throttle import PER_ADDRESS, PER_USER, wait_ms

__all__ = ["empty_bed"]

SAMPLES = {
    "{number}": "1",
    "{verb}": "accept",
    "{name}": "ann",
    "{what}": "disable",
    "{key}": "0" * 16,
}


def path_of(route: Route) -> str:
    """A path that the route answers to."""
    path = route.path
    for name, value in SAMPLES.items():
        path = path.replace(name, value)
    return path


def test_every_route_is_closed_or_says_why_it_is_open() -> None:
    """A route takes a role, or gives a reason for taking none; every POST outside of signing in and preferences takes one."""
    for route in ROUTES:
        assert (route.role is None) == bool(route.why_open), route.path
    assert {(route.method, route.path) for route in ROUTES if route.role is None} == {
        ("GET", "/sign-in"),
        ("POST", "/sign-in"),
        ("GET", "/static/{name}"),
        ("POST", "/preferences"),
        ("GET", "/healthz"),
        ("GET", "/api/v1/openapi.json"),
    }


def test_nobody_gets_past_a_closed_route_without_signing_in(bed: ConsoleBed) -> None:
    """Pages send a stranger to the sign-in form, the API answers 401, the stream of events too, and nothing is shown."""
    stranger = bed.browser()
    for route in ROUTES:
        if route.role is None:
            continue
        answer = stranger.ask(route.method, path_of(route), headers={"origin": ORIGIN})
        if route.is_api:
            assert answer.status_code == 401, route.path
        else:
            assert (answer.status_code, answer.headers["location"].partition("?")[0]) == (303, "/sign-in"), route.path
        assert answer.content == b"" or route.is_api
    assert stranger.get("/events").status_code == 401


def test_a_role_opens_its_own_routes_and_no_more(bed: ConsoleBed) -> None:
    """A viewer is refused what takes a reviewer, a reviewer what takes an admin, on every such route."""
    for name, role in (("vic", Role.VIEWER), ("ann", Role.REVIEWER)):
        browser = bed.signed_in(name, role)
        for route in ROUTES:
            if route.role is not None and route.role > role and not route.is_api:
                fields = {"csrf": browser.token()}
                answer = browser.ask(route.method, path_of(route), data=fields, headers={"origin": ORIGIN})
                assert answer.status_code == 403, (name, route.path)


def test_the_api_takes_no_more_role_than_token_and_user_have(bed: ConsoleBed) -> None:
    """A viewer's token decides nothing, and a token made for more than its user's role has the user's role."""
    bed.add("vic", Role.VIEWER)
    token = bed.accounts.make_token("script", "vic", Role.ADMIN, None, 1, "test")
    answer = bed.browser().ask("POST", "/api/v1/items/1/accept", json={}, headers={"authorization": f"Bearer {token}"})
    assert answer.status_code == 403


def test_every_answer_carries_the_headers_that_protect_it(bed: ConsoleBed) -> None:
    """Pages, refusals, files and documents forbid scripts and styles in them, framing, sniffing and keeping."""
    browser = bed.signed_in()
    for path in ("/", "/review", "/nowhere", "/static/console.css", "/api/v1/openapi.json", "/sign-in", "/events?x"):
        answer = bed.browser().get("/events") if path.startswith("/events") else browser.get(path)
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy, path
        assert "unsafe" not in policy, path
        assert "frame-ancestors 'none'" in policy, path
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["x-frame-options"] == "DENY"
        assert answer.headers["referrer-policy"] == "same-origin"
    assert browser.get("/review").headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    "host", ["evil.example", f"evil.example:{PORT}", "127.0.0.1", f"127.0.0.1.evil.example:{PORT}", ""]
)
def test_another_name_than_ours_is_refused_before_anything_else(bed: ConsoleBed, host: str) -> None:
    """A page elsewhere whose name was turned to this address gets nothing, signed in or not, from files and probes either."""
    browser = bed.signed_in()
    for path in ("/review", "/static/console.css", "/healthz", "/api/v1/openapi.json", "/nowhere", "/events"):
        assert browser.get(path, headers={"host": host}).status_code == 421


def test_a_form_of_another_site_decides_nothing(bed: ConsoleBed) -> None:
    """Without our origin, with another one, with `null`, or across sites by the browser's own word, a POST is refused."""
    bed.mail(QUESTION)
    browser = bed.signed_in()
    page = browser.get("/review/1").text
    fields = {"csrf": csrf_in(page), "seen": seen_in(page)}
    for headers in (
        {},
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"origin": ORIGIN, "sec-fetch-site": "cross-site"},
        {"origin": ORIGIN, "sec-fetch-site": "same-site"},
    ):
        assert browser.ask("POST", "/review/1/accept", data=fields, headers=headers).status_code == 403
    assert bed.entries("review_decided") == []


def test_a_form_without_the_token_of_its_session_decides_nothing(bed: ConsoleBed) -> None:
    """No token, a wrong one, and that of another session are refused; the right one is taken."""
    bed.mail(QUESTION)
    ann, ben = bed.signed_in("ann"), bed.signed_in("ben")
    seen = seen_in(ann.get("/review/1").text)
    for token in ("", "0" * 64, ben.token(), "é"):
        assert ann.post("/review/1/accept", {"csrf": token, "seen": seen}).status_code == 403
    assert bed.entries("review_decided") == []
    assert ann.post("/review/1/accept", {"csrf": ann.token(), "seen": seen}).status_code == 303


def test_looking_decides_nothing(bed: ConsoleBed) -> None:
    """A GET on the address of a decision is no decision, as a mail scanner or a prefetch would make it."""
    bed.mail(QUESTION)
    browser = bed.signed_in()
    for verb in ("accept", "ignore", "respond", "edit"):
        answer = browser.get(f"/review/1/{verb}")
        assert (answer.status_code, answer.headers["allow"]) == (405, "POST")
    assert bed.entries("review_decided") == []


def test_a_session_cookie_cannot_be_read_by_scripts_or_sent_by_other_sites(bed: ConsoleBed) -> None:
    """The cookie is HttpOnly and SameSite=Strict, ends with the browser, and is bound to TLS where browsers come over it."""
    bed.add("ann")
    browser = bed.browser()
    line = next(line for line in browser.sign_in("ann").headers.get_list("set-cookie") if "form" not in line)
    assert "HttpOnly" in line
    assert "samesite=strict" in line.lower()
    assert "max-age" not in line.lower()
    site = site_of("127.0.0.1", PORT, "https://warden.example")
    assert site.secure
    assert site.session_cookie.startswith("__Host-")
    assert site.hosts == {"warden.example"}


def test_a_session_that_a_client_brings_is_never_taken(bed: ConsoleBed) -> None:
    """Signing in gives a new token whatever cookie was there, and the old token is nobody's."""
    bed.add("ann")
    browser = bed.browser()
    name = bed.parts.site.session_cookie
    browser.cookies[name] = "fixed-by-somebody-else"
    browser.sign_in("ann")
    first = browser.cookies[name]
    assert first != "fixed-by-somebody-else"
    browser.sign_in("ann")
    assert browser.cookies[name] != first
    other = bed.browser()
    for token in ("fixed-by-somebody-else", first):
        other.cookies[name] = token
        assert other.get("/review").status_code == 303


def test_a_change_of_role_or_passphrase_ends_every_session(bed: ConsoleBed) -> None:
    """After a change of role, of passphrase, or when somebody is kept out, their sessions, links and tokens are nobody's."""
    changes = ({"role": Role.ADMIN}, {"passphrase": "another long passphrase"}, {"disabled": True})
    bed.add("ann")
    words = PASSPHRASE
    for change in changes:
        browser = bed.browser()
        assert browser.sign_in("ann", words).status_code == 303
        link = bed.accounts.make_link("ann", 0, "test")
        token = bed.accounts.make_token("t", "ann", Role.VIEWER, None, 1, "test")
        bed.accounts.change_user("ann", "test", **change)
        words = str(change.get("passphrase", words))
        assert browser.get("/review").status_code == 303
        assert bed.accounts.bearer(token) is None
        assert bed.browser().use_link(link).status_code == 403
    assert bed.browser().sign_in("ann", words).status_code == 403


def test_a_session_runs_out_when_idle_and_at_its_age(bed: ConsoleBed) -> None:
    """Half an hour without a request ends it, and so do twelve hours with them; a request keeps it from idling."""
    browser = bed.signed_in()
    bed.clock.pass_s(29 * 60)
    assert browser.get("/review").status_code == 200
    bed.clock.pass_s(29 * 60)
    assert browser.get("/review").status_code == 200
    bed.clock.pass_s(30 * 60)
    assert browser.get("/review").status_code == 303
    browser = bed.signed_in()
    for _ in range(24):
        bed.clock.pass_s(29 * 60)
        browser.get("/review")
    bed.clock.pass_s(25 * 60)
    assert browser.get("/review").status_code == 303


def test_signing_out_ends_the_session_and_not_only_the_cookie(bed: ConsoleBed) -> None:
    """A copy of the cookie is worth nothing afterwards."""
    browser, copy = bed.signed_in(), bed.browser()
    copy.cookies = dict(browser.cookies)
    browser.send("/sign-out")
    assert copy.get("/review").status_code == 303


def test_a_link_signs_in_once_by_post_only_and_not_for_long(bed: ConsoleBed) -> None:
    """Opening the address uses nothing up; posting it does; ten minutes later it is nobody's."""
    bed.add("ann", passphrase=None)
    link = bed.accounts.make_link("ann", 1000, "test")
    for _ in range(3):
        assert bed.browser().get(f"/sign-in?link={link}").status_code == 200
    assert bed.browser().use_link(link).status_code == 303
    assert bed.browser().use_link(link).status_code == 403
    late = bed.accounts.make_link("ann", 1000, "test")
    bed.clock.pass_s(601)
    assert bed.browser().use_link(late).status_code == 403


def test_guessing_is_slowed_down_by_user_and_by_address(bed: ConsoleBed) -> None:
    """After a few failures the right passphrase waits too, from anywhere; an address that tries many names waits as well; a
    one-time link still lets a person in whose passphrase others guess at."""
    bed.add("ann")
    for number in range(PER_USER.free):
        assert bed.browser(f"10.0.0.{number}").sign_in("ann", f"guess number {number}").status_code == 403
    bed.clock.pass_s(0.5)
    answer = bed.browser("10.0.1.1").sign_in("ann")
    assert answer.status_code == 429
    assert int(answer.headers["retry-after"]) >= 1
    assert bed.browser("10.0.1.1").use_link(bed.accounts.make_link("ann", 0, "test")).status_code == 303
    bed.clock.pass_s(2)
    assert bed.browser("10.0.1.1").sign_in("ann").status_code == 303
    guesser = bed.browser("10.9.9.9")
    statuses = [
        guesser.sign_in(f"name-{number}", "a guess at it").status_code for number in range(PER_ADDRESS.free + 2)
    ]
    assert statuses == [403] * PER_ADDRESS.free + [429, 429]


def test_many_guesses_at_once_get_no_further(bed: ConsoleBed) -> None:
    """The attempt is counted before anything is compared: of thirty at once only the free ones are compared at all."""
    bed.add("ann")
    statuses: list[int] = []

    def guess(number: int) -> None:
        statuses.append(bed.browser(f"10.0.0.{number}").sign_in("ann", "a wrong passphrase").status_code)

    threads = [threading.Thread(target=guess, args=(number,)) for number in range(30)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert statuses.count(403) == PER_USER.free
    assert statuses.count(429) == 30 - PER_USER.free


def test_the_wait_doubles_up_to_a_limit_and_is_forgiven() -> None:
    """The wait grows from one second to the limit, and an hour of quiet ends it."""
    waits = [wait_ms(PER_USER, number, 0, 0) // 1000 for number in range(20)]
    assert waits[: PER_USER.free] == [0] * PER_USER.free
    assert waits[PER_USER.free :][:4] == [1, 2, 4, 8]
    assert waits[-1] == PER_USER.longest_s
    assert wait_ms(PER_USER, 1000, 0, 3_600_000) == 0


def test_a_name_that_nobody_has_is_told_like_a_wrong_passphrase(bed: ConsoleBed) -> None:
    """Neither status nor words tell whether a user exists, and what was typed as a name is not kept."""
    bed.add("ann")
    known, unknown = bed.browser().sign_in("ann", "wrong passphrase"), bed.browser().sign_in("zoe", "wrong passphrase")
    assert (known.status_code, known.text.count("do not fit")) == (
        unknown.status_code,
        unknown.text.count("do not fit"),
    )
    bed.browser().sign_in("my secret passphrase typed too early", "x")
    assert "typed too early" not in str(bed.accounts.events())


def test_the_sign_in_form_is_bound_to_the_browser_that_asked_for_it(bed: ConsoleBed) -> None:
    """Another site cannot sign somebody in under its own account: the form's token goes with a cookie."""
    bed.add("ann")
    mine, theirs = bed.browser(), bed.browser()
    token = csrf_in(theirs.get("/sign-in").text)
    mine.get("/sign-in")
    answer = mine.post("/sign-in", {"csrf": token, "name": "ann", "passphrase": PASSPHRASE})
    assert answer.status_code == 403


@pytest.mark.parametrize(
    "target", ["//evil.example", "https://evil.example", "/\\evil.example", "javascript:alert(1)", "/a\nb"]
)
def test_signing_in_leads_nowhere_else(bed: ConsoleBed, target: str) -> None:
    """Where to go next is a path of the console, else the start page."""
    bed.add("ann")
    browser = bed.browser()
    token = csrf_in(browser.get("/sign-in").text)
    answer = browser.post("/sign-in", {"csrf": token, "name": "ann", "passphrase": PASSPHRASE, "next": target})
    assert answer.headers["location"] == "/"


def test_the_console_listens_on_loopback_unless_tls_is_in_front() -> None:
    """Another address takes both the configuration's word and an address with TLS."""
    check_bind("127.0.0.1", False, "")
    check_bind("::1", False, "")
    with pytest.raises(ConfigError, match="other machines"):
        check_bind("0.0.0.0", False, "https://warden.example")
    with pytest.raises(ConfigError, match="without TLS"):
        check_bind("0.0.0.0", True, "http://warden.example")
    check_bind("0.0.0.0", True, "https://warden.example")


def test_what_is_kept_is_private_and_holds_no_secret(bed: ConsoleBed) -> None:
    """The file has mode 600 and neither a passphrase, a session's token, a link's nor a bearer token is in it."""
    browser = bed.signed_in()
    link = bed.accounts.make_link("ann", 0, "test")
    token = bed.accounts.make_token("t", "ann", Role.VIEWER, None, 1, "test")
    assert bed.file.stat().st_mode & 0o777 == 0o600
    data = bed.file.read_bytes()
    for secret in (PASSPHRASE, link, token, browser.cookies[bed.parts.site.session_cookie]):
        assert secret.encode() not in data
    assert b"$argon2id$" in data
    os.chmod(bed.file, 0o644)
    with pytest.raises(StateError, match="read by others"):
        ConsoleDatabase(bed.file)


def test_a_passphrase_costs_what_the_standard_asks_for() -> None:
    """Unless it is told otherwise a console hashes with argon2id, 64 MiB and three passes (RFC 9106, section 4)."""
    kept = Passphrases().hash(PASSPHRASE)
    assert kept.startswith("$argon2id$v=19$m=65536,t=3,p=4$")
    assert Passphrases().fits(kept, PASSPHRASE)
    assert not Passphrases().fits(kept, PASSPHRASE + "x")


def test_a_body_that_is_too_large_or_of_another_kind_is_refused(bed: ConsoleBed) -> None:
    """More than a mebibyte, JSON where a form belongs, broken percent-encoding and thousands of fields are refused."""
    browser = bed.signed_in()
    headers = {"origin": ORIGIN, "content-type": "application/x-www-form-urlencoded"}
    big = b"csrf=" + b"a" * (1024 * 1024)
    assert browser.ask("POST", "/review/batch", content=big, headers=headers).status_code == 413
    assert browser.ask("POST", "/review/batch", json={}, headers={"origin": ORIGIN}).status_code == 415
    many = b"&".join(b"item=1" for _ in range(2_000))
    for body in (many, b"csrf=%ff%fe", b"\xff\xfe", b"nonsense"):
        assert browser.ask("POST", "/review/batch", content=body, headers=headers).status_code == 400


def test_who_signs_in_and_what_changes_is_written_down(bed: ConsoleBed) -> None:
    """The console's audit names sign-ins, refusals, and changes of users with who made them; an admin sees it."""
    admin = bed.signed_in("ada", Role.ADMIN)
    bed.add("ann")
    bed.browser("10.1.1.1").sign_in("ann", "wrong passphrase")
    admin.send("/people/ann/role", role="viewer")
    told = [(event.user, event.what, event.detail) for event in bed.accounts.events()]
    assert ("ada", "signed in", "passphrase") in told
    assert ("ann", "sign-in refused", "passphrase") in told
    assert ("ada", "user changed", "ann role viewer") in told
    assert "ann role viewer" in admin.get("/people").text


def test_an_admin_keeps_people_out_but_not_themselves(bed: ConsoleBed) -> None:
    """Disabling ends sessions at once; nobody changes their own role on the page; a session can be ended."""
    admin, ann = bed.signed_in("ada", Role.ADMIN), bed.signed_in("ann")
    assert admin.send("/people/ada/role", role="viewer").status_code == 422
    key = next(row.key for row in bed.accounts.sessions() if row.user == "ann")
    admin.send(f"/sessions/{key}/end")
    assert ann.get("/review").status_code == 303
    ann = bed.signed_in("ann")
    admin.send("/people/ann/disable")
    assert ann.get("/review").status_code == 303
    assert bed.browser().sign_in("ann").status_code == 403


def test_ones_own_passphrase_takes_the_present_one(bed: ConsoleBed) -> None:
    """A stolen session cannot set a passphrase; a right change ends every session and the new passphrase is taken."""
    browser = bed.signed_in()
    wrong = {"old": "not the present one", "new": "a brand new passphrase", "again": "a brand new passphrase"}
    assert browser.send("/account/passphrase", **wrong).status_code == 403
    right = {**wrong, "old": PASSPHRASE}
    assert browser.send("/account/passphrase", **{**right, "again": "another one altogether"}).status_code == 422
    assert browser.send("/account/passphrase", **right).status_code == 303
    assert browser.get("/review").status_code == 303
    assert bed.browser().sign_in("ann", "a brand new passphrase").status_code == 303


def test_users_and_tokens_are_bounded_and_named_strictly(bed: ConsoleBed) -> None:
    """A name that a page or a ledger entry could not carry, a short passphrase and a second one of a name are refused."""
    for name in ("", "a b", "../x", "<b>", "x" * 65, "é"):
        with pytest.raises(InputError):
            bed.accounts.add_user(name, Role.VIEWER, PASSPHRASE, "test")
    for words in ("short", "x" * 1025, "lone \ud800 surrogate here"):
        with pytest.raises(InputError):
            bed.accounts.add_user("ann", Role.VIEWER, words, "test")
    bed.add("ann")
    with pytest.raises(InputError, match="already"):
        bed.add("ann")
    bed.accounts.make_token("t", "ann", Role.VIEWER, None, 1, "test")
    with pytest.raises(InputError, match="already"):
        bed.accounts.make_token("t", "ann", Role.VIEWER, None, 1, "test")
    bed.accounts.remove_user("ann", "test")
    assert bed.accounts.tokens() == []


def test_a_theme_is_kept_without_a_script(bed: ConsoleBed) -> None:
    """The choice is a cookie of this browser and an attribute of every page; another word is refused."""
    browser: Browser = bed.signed_in()
    assert "data-theme" not in browser.get("/review").text
    browser.send("/preferences", theme="dark", back="/review")
    assert 'data-theme="dark"' in browser.get("/review").text
    assert browser.send("/preferences", theme="<b>", back="/").status_code == 422
