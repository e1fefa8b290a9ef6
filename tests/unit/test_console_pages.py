"""What others wrote is text on every page, whatever it is; every page renders; charts and proofs hold."""

from __future__ import annotations

import html
import json
import re
from html.parser import HTMLParser

from hypothesis import given
from hypothesis import strategies as st

from consolebed import QUESTION, ConsoleBed, empty_bed, text_of
from warden.cli import compose
from warden.cli.main import run
from warden.model.delivery import OutgoingMessage
from warden.server.console.charts import Chart, draw, nice_top
from warden.server.console.look import visible_markup
from warden.server.console.model import Role
from warden.server.console.visible import one_line, pieces, word_diff

__all__ = ["empty_bed"]

HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    "</textarea><svg onload=alert(1)>",
    "{{ 7 * 7 }}{% raw %}",
    "javascript:alert(1)",
    "https://evil.example/a.png ![x](https://evil.example/x.png)",
    "<a href=https://evil.example>click</a>",
    "<!--<style>*{display:none}</style>",
    "<base href=https://evil.example><meta http-equiv=refresh content=0>",
    "\u202egnp.exe\u202c \u200b\u2066zero\u2069 \x1b[31m \u00ad",
)
PAGES = ("/", "/review", "/messages", "/ledger", "/policy", "/health", "/charts", "/account", "/people")
OWN_LINKS = re.compile(r"/(?!/)|#main$|$")


class Auditor(HTMLParser):
    """Collects what a browser would act on: handlers, elements that run or load something, and where links lead."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Look at one element."""
        given_attributes = dict(attrs)
        if tag in ("img", "iframe", "object", "embed", "base", "style", "video", "audio", "frame"):
            self.found.append(tag)
        if tag == "script" and given_attributes.get("src") != "/static/console.js":
            self.found.append("script")
        if tag == "meta" and "http-equiv" in given_attributes:
            self.found.append("meta")
        for name, value in attrs:
            if name.startswith("on") or name == "style":
                self.found.append(f"{tag} {name}")
            if name in ("href", "src", "action", "formaction") and not OWN_LINKS.match(value or ""):
                self.found.append(f"{tag} {name}={value}")


def audit(page: str) -> list[str]:
    """What a browser would act on in a page that is not ours."""
    auditor = Auditor()
    auditor.feed(page)
    return auditor.found


def test_hostile_text_in_every_field_is_only_text(bed: ConsoleBed) -> None:
    """Subject, body, sender, reasons, searches and drafts full of markup run, load and link nothing, on any page."""
    hub = compose.open_hub(compose.load_settings())
    for text in HOSTILE:
        words = text.replace("\x1b", "")  # hubs take no other control character than line ends and tab
        subject, body = words[:60], f"{QUESTION}\n{words}"
        hub.post_message(OutgoingMessage("flex-auth", "ops-warden", subject, body, "request", "", "", {}))
    hub.close()
    assert run(["worker", "run", "--execute", "--quiet"]) == 0
    browser = bed.signed_in("ada", Role.ADMIN)
    pages = {path: browser.get(path).text for path in PAGES}
    numbers = re.findall(r'data-href="(/review/\d+)"', pages["/review"])
    assert len(numbers) == len(HOSTILE)
    for path in [*numbers, *dict.fromkeys(re.findall(r'href="(/messages/[^"]+)"', html.unescape(pages["/messages"])))]:
        pages[path] = browser.get(path).text
    for path in re.findall(r'data-href="(/ledger/\d+)"', pages["/ledger"])[:20]:
        pages[path] = browser.get(path).text
    for text in HOSTILE:
        pages[f"filter {text}"] = browser.get("/review", params={"rule": text, "sender": text}).text
        pages[f"reason {text}"] = browser.decide(1, "edit", text=text, reason=text).text
        pages[f"respond {text}"] = browser.decide(1, "respond", text=text + "\x00", reason="").text
        pages[f"explain {text}"] = browser.send("/policy/explain", request=text).text
        pages[f"simulate {text}"] = browser.send("/policy/simulate", candidate=text, name=text).text
        pages[f"sign-in {text}"] = bed.browser().get("/sign-in", params={"next": text, "link": text}).text
    assert {path: wrong for path, page in pages.items() if (wrong := audit(page))} == {}
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in pages[numbers[0]]


def test_hidden_characters_are_shown_and_turn_nothing(bed: ConsoleBed) -> None:
    """Bidi controls, zero-width characters and escapes are written out on the item's page, in marks of their own."""
    bed.mail("delete this \u202egnp.exe \u200b now")
    page = bed.signed_in().get("/review/1").text
    assert "\u202e" not in page
    assert "\u200b" not in page
    assert '<span class="hidden-char" title="hidden character">U+202E</span>' in page


@given(st.text(st.characters(), max_size=200))
def test_any_text_becomes_markup_without_markup_and_loses_nothing(text: str) -> None:
    """No text brings an element or an attribute with it; what is not hidden is there unchanged; UTF-8 takes the page."""
    shown = str(visible_markup(text))
    assert audit(shown) == []
    bare = re.sub(r'<span class="hidden-char" title="hidden character">U\+[0-9A-F]{4,6}</span>', "", shown)
    assert "<" not in bare
    assert "".join(piece.text for piece in pieces(text) if not piece.hidden) == re.sub(
        "&(amp|lt|gt|#34|#39);",
        lambda found: {"amp": "&", "lt": "<", "gt": ">", "#34": '"', "#39": "'"}[found[1]],
        bare,
    )
    shown.encode("utf-8")
    assert "\n" not in one_line(text)


@given(st.text(max_size=80), st.text(max_size=80))
def test_a_diff_holds_both_texts(before: str, after: str) -> None:
    """What is the same and what is gone is the old text, what is the same and what is new the new one."""
    found = word_diff(before, after)
    assert "".join(piece.text for piece in found if piece.how != "new") == before
    assert "".join(piece.text for piece in found if piece.how != "gone") == after


def test_every_page_of_an_empty_state_renders(bed: ConsoleBed) -> None:
    """With no message, no run and no decision, each page says so."""
    browser = bed.signed_in("ada", Role.ADMIN)
    for path in PAGES:
        answer = browser.get(path)
        assert answer.status_code == 200, path
        assert "</html>" in answer.text
    assert "Nothing waits" in browser.get("/review").text
    assert browser.get("/review/next").headers["location"] == "/review"


def test_pages_that_there_are_not_are_told_so(bed: ConsoleBed) -> None:
    """Unknown items, entries, messages, files, windows and kinds are 404 or 422, never a fault."""
    browser = bed.signed_in()
    for path, status in (
        ("/review/1", 404),
        ("/review/999999999999999999999", 404),
        ("/review/%00", 404),
        ("/ledger/123456", 404),
        ("/ledger/x", 404),
        ("/ledger/123456/proof", 404),
        ("/ledger?kind=nonsense", 422),
        ("/ledger?before=x", 422),
        ("/messages/one?hub=hub&id=m1", 404),
        ("/messages/one?hub=%00&id=%ff", 404),
        ("/messages/one", 404),
        ("/messages?before=x", 422),
        ("/static/../accounts.py", 404),
        ("/static/%2e%2e%2faccounts.py", 404),
        ("/charts?window=9y", 422),
        ("/nowhere", 404),
    ):
        assert browser.get(path).status_code == status, path


def test_a_proof_that_the_page_hands_out_is_checked_by_the_command_line(bed: ConsoleBed) -> None:
    """The downloaded proof holds under the log's own key, and names the entry of the page."""
    bed.mail(QUESTION)
    browser = bed.signed_in()
    answer = browser.get("/ledger/2/proof")
    assert "attachment" in answer.headers["content-disposition"]
    file = compose.load_settings().state_dir / "entry.json"
    file.write_bytes(answer.content)
    assert run(["ledger", "check-proof", str(file)]) == 0
    assert "Proof of inclusion" in browser.get("/ledger/2").text


def test_the_policy_page_explains_and_simulates(bed: ConsoleBed) -> None:
    """Explaining names the deciding rules of each layer; a candidate that denies answers is told to tighten past decisions;
    what cannot be read is told, and nothing is saved."""
    bed.mail(QUESTION)
    browser = bed.signed_in()
    page = browser.get("/policy?item=1").text
    found = re.search(r'name="request"[^>]*>\n(.*?)</textarea>', page, re.S)
    assert found is not None
    request = text_of(found[1])
    assert json.loads(request)["capability"] == "messaging.answer"
    explained = browser.send("/policy/explain", request=request).text
    assert "require_approval" in explained
    assert "look.yaml/look-first" in explained
    candidate = (
        "version: '1'\ndefault_decision: abstain\nrules:\n"
        "  - {id: none, match: {capabilities: [messaging.answer]}, decision: deny, reason: none of it}\n"
    )
    simulated = browser.send("/policy/simulate", candidate=candidate, name="new.yaml").text
    assert "tightened" in simulated
    assert browser.send("/policy/simulate", candidate="[", name="new.yaml").status_code == 422
    assert browser.send("/policy/explain", request="{}").status_code == 422
    assert [path.name for path in compose.load_settings().policy.dir.iterdir()] == ["look.yaml"]


def test_the_badge_tells_a_sound_ledger_from_a_changed_one(bed: ConsoleBed) -> None:
    """Verification runs behind the page; a changed entry is told on the ledger's page."""
    import sqlite3

    from warden.cli.console_parts import Verification

    bed.mail(QUESTION)
    check = Verification(bed.where)
    assert check._verify()["state"] == "sound"
    database = compose.ledger_files(compose.load_settings()).database
    with sqlite3.connect(database) as connection:
        connection.execute("UPDATE entries SET raw = replace(raw, 'flex-auth', 'flex-bath') WHERE seq = 2")
    connection.close()
    assert check._verify()["state"] == "damaged"


@given(
    st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 10**6)), min_size=1, max_size=40),
    st.sampled_from(["bars", "lines"]),
)
def test_a_chart_stays_inside_its_frame(rows: list[tuple[int, int]], kind: str) -> None:
    """Whatever the figures, bars and lines lie within the drawing and the axis reaches above them."""
    chart = Chart("c", "<title>", ("a", "b"), tuple(str(number) for number in range(len(rows))), tuple(rows), kind)
    drawn = str(draw(chart))
    assert nice_top(chart.top) >= chart.top
    assert "&lt;title&gt;" in drawn
    for y, tall in re.findall(r'<rect class="[^"]*" x="[^"]*" y="([^"]*)" width="[^"]*" height="([^"]*)"', drawn):
        assert float(y) >= 11.9
        assert float(y) + float(tall) <= 146.2
    for points in re.findall(r'points="([^"]*)"', drawn):
        assert all(11.9 <= float(point.partition(",")[2]) <= 146.1 for point in points.split())
