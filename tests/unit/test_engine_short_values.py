"""A short value is taken out where it was found, and not wherever the same letters stand."""

from __future__ import annotations

from warden.engine.cleaning import MIN_REPEATED, Cleaner
from warden.model.finding import Finding


class PinScanner:
    """Finds what follows `pin `."""

    digest = "sha256:" + "0" * 64

    def scan(self, text: str) -> tuple[Finding, ...]:
        """Return the word after `pin `."""
        at = text.find("pin ")
        if at < 0 or text.startswith("[", at + 4):
            return ()
        return (Finding("pin", at + 4, len(text), "pin"),)


def test_a_short_value_is_not_looked_for_elsewhere() -> None:
    """Four digits beside `pin` are redacted; the same digits in an order number are left, and no id is refused for them."""
    cleaner = Cleaner(PinScanner(), ("pin 4711", "order 4711"))
    assert len("4711") < MIN_REPEATED
    assert cleaner.redacted("pin 4711") == "pin [redacted:pin]"
    assert cleaner.redacted("order 4711") == "order 4711"
    assert not cleaner.holds_value("t4711")
    assert cleaner.kinds == {"pin": 1}


def test_a_long_value_is_taken_out_everywhere() -> None:
    """A value of some length is as secret in the next text, and an id that repeats it is noticed."""
    cleaner = Cleaner(PinScanner(), ("pin 471147", "order 471147"))
    assert cleaner.redacted("order 471147") == "order [redacted:pin]"
    assert cleaner.holds_value("t-471147")
