"""Signatures of deliveries, over their raw bytes."""

from __future__ import annotations

import base64
import hashlib
import hmac
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from warden.model.message import Assurance
from warden.server.intake.signature import (
    Headers,
    RefusedDeliveryError,
    SignatureTerms,
    SourceKind,
    check_signature,
)

KEY, OLD = b"a key of the test", b"the key before it"
BODY = b'{"action": "opened"}'
NOW_S = 1_795_000_000.0
DELIVERY = "msg_p5jXN8AQM9LWM0D4loKWxJek"


def hex_of(key: bytes = KEY, body: bytes = BODY, algorithm: str = "sha256") -> str:
    """Return the lower-case hex HMAC."""
    return hmac.new(key, body, algorithm).hexdigest()


def standard(key: bytes = KEY, timestamp: int = int(NOW_S), delivery: str = DELIVERY) -> Headers:
    """Return the three headers of Standard Webhooks."""
    digest = hmac.new(key, f"{delivery}.{timestamp}.".encode() + BODY, hashlib.sha256).digest()
    return [
        ("webhook-id", delivery),
        ("webhook-timestamp", str(timestamp)),
        ("webhook-signature", "v1," + base64.b64encode(digest).decode()),
    ]


def check(kind: str, headers: Headers, body: bytes = BODY, keys: tuple[bytes, ...] = (KEY,), **more: Any) -> Assurance:
    """Check one delivery."""
    return check_signature(SignatureTerms(SourceKind(kind), **more), keys, headers, body, NOW_S)


def refusal(kind: str, headers: Headers, **more: Any) -> str:
    """Return the code with which a delivery is refused."""
    with pytest.raises(RefusedDeliveryError) as refused:
        check(kind, headers, **more)
    return refused.value.code


GOOD: dict[str, Headers] = {
    "gitea": [("x-gitea-signature", hex_of())],
    "github": [("x-hub-signature-256", "sha256=" + hex_of())],
    "standard-webhooks": standard(),
    "hmac": [("x-signature", hex_of())],
    "bearer": [("authorization", "Bearer " + KEY.decode().replace(" ", "-"))],
}


def key_of(kind: str) -> bytes:
    """Return the key: a bearer token is one word."""
    return KEY.replace(b" ", b"-") if kind == "bearer" else KEY


@pytest.mark.parametrize("kind", GOOD)
def test_a_delivery_of_its_source_is_vouched_for(kind: str) -> None:
    """Every kind takes its own form; a bearer token vouches as a token, the others as signatures."""
    wanted = Assurance.TOKEN if kind == "bearer" else Assurance.SIGNED
    assert check(kind, GOOD[kind], keys=(key_of(kind),)) is wanted


@pytest.mark.parametrize("kind", GOOD)
def test_keys_can_be_replaced_without_a_gap(kind: str) -> None:
    """Any of several keys fits, wherever it stands."""
    check(kind, GOOD[kind], keys=(OLD, key_of(kind)))
    check(kind, GOOD[kind], keys=(key_of(kind), OLD))
    assert refusal(kind, GOOD[kind], keys=(OLD,)) == "signature-wrong"


@pytest.mark.parametrize("kind", GOOD)
def test_without_a_key_nothing_is_accepted(kind: str) -> None:
    """No key, and an empty key, refuse everything."""
    assert refusal(kind, GOOD[kind], keys=()) == "no-key"
    assert refusal(kind, GOOD[kind], keys=(b"",)) == "no-key"


@pytest.mark.parametrize("kind", GOOD)
def test_a_missing_header_is_refused(kind: str) -> None:
    """No header at all is no signature."""
    assert refusal(kind, [("content-type", "application/json")]) == "signature-missing"


@pytest.mark.parametrize("kind", GOOD)
def test_a_repeated_header_is_refused(kind: str) -> None:
    """Two values of the same header, even equal ones, could be read as either."""
    assert refusal(kind, [*GOOD[kind], GOOD[kind][-1]], keys=(key_of(kind),)) == "header-repeated"


@pytest.mark.parametrize("kind", [kind for kind in GOOD if kind != "bearer"])
@given(data=st.data())
def test_every_other_body_is_refused(kind: str, data: st.DataObject) -> None:
    """A signature holds for exactly the bytes that were signed."""
    body = data.draw(st.binary(max_size=60).filter(lambda found: found != BODY))
    assert refusal(kind, GOOD[kind], body=body) == "signature-wrong"


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ([("x-gitea-signature", "")], "signature-missing"),
        ([("x-gitea-signature", "sha256=")], "signature-malformed"),
        ([("x-gitea-signature", "sha256=" + hex_of())], "signature-malformed"),
        ([("x-gitea-signature", hex_of().upper())], "signature-malformed"),
        ([("x-gitea-signature", hex_of()[:-1])], "signature-wrong"),
        ([("x-gitea-signature", hex_of() + "00")], "signature-wrong"),
        ([("x-gitea-signature", hex_of(b""))], "signature-wrong"),
        ([("x-gitea-signature", "ä" * 64)], "signature-malformed"),
    ],
)
def test_gitea_signs_with_bare_lower_case_hex(headers: Headers, code: str) -> None:
    """Prefixes, upper case, other lengths, an empty signature and one with the empty key are refused."""
    assert refusal("gitea", headers) == code


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ([("x-hub-signature-256", "sha256=")], "signature-missing"),
        ([("x-hub-signature-256", hex_of())], "signature-malformed"),
        ([("x-hub-signature-256", "sha1=" + hex_of(algorithm="sha1"))], "signature-malformed"),
        ([("x-hub-signature", "sha1=" + hex_of(algorithm="sha1"))], "sha1-only"),
        ([("x-hub-signature-256", "")], "signature-missing"),
    ],
)
def test_github_signs_with_sha256_and_says_so(headers: Headers, code: str) -> None:
    """A bare prefix, a missing one and SHA-1 are refused."""
    assert refusal("github", headers) == code


def test_a_second_weaker_header_does_not_matter() -> None:
    """GitHub sends SHA-1 beside SHA-256; the strong one is the one that counts."""
    weak = ("x-hub-signature", "sha1=" + hex_of(algorithm="sha1"))
    assert check("github", [weak, *GOOD["github"]]) is Assurance.SIGNED
    assert refusal("github", [weak, ("x-hub-signature-256", "sha256=" + "0" * 64)]) == "signature-wrong"


@pytest.mark.parametrize("offset_s", [-301, 301, -(10**9), 10**11])
def test_an_old_or_future_timestamp_is_refused(offset_s: int) -> None:
    """A delivery that was recorded and sent again later is refused, although its signature holds."""
    assert refusal("standard-webhooks", standard(timestamp=int(NOW_S) + offset_s)) == "timestamp-out-of-tolerance"


@pytest.mark.parametrize("offset_s", [-299, 0, 299])
def test_a_timestamp_within_the_tolerance_holds(offset_s: int) -> None:
    """Clocks may differ a little, in both directions."""
    assert check("standard-webhooks", standard(timestamp=int(NOW_S) + offset_s)) is Assurance.SIGNED


def test_standard_webhooks_takes_one_good_signature_of_several() -> None:
    """Signatures of other versions and of other keys stand beside it in one header."""
    headers = standard()
    signature = headers[2][1]
    both = [*headers[:2], ("webhook-signature", f"v1a,xyz v1,{'A' * 43}= {signature}")]
    assert check("standard-webhooks", both) is Assurance.SIGNED
    assert refusal("standard-webhooks", [*headers[:2], ("webhook-signature", "v1a,xyz")]) == "signature-malformed"


def test_a_standard_secret_may_be_written_with_its_prefix() -> None:
    """`whsec_` and base64 stand for the key's bytes; what is not base64 is no key."""
    written = b"whsec_" + base64.b64encode(KEY)
    assert check("standard-webhooks", standard(), keys=(written,)) is Assurance.SIGNED
    assert refusal("standard-webhooks", standard(), keys=(b"whsec_???",)) == "no-key"


@pytest.mark.parametrize("part", [0, 1])
def test_id_and_time_are_signed_too(part: int) -> None:
    """Changing either of them is noticed."""
    headers = list(standard())
    name, value = headers[part]
    headers[part] = (name, value[:-1] + ("1" if value[-1] != "1" else "2"))
    assert refusal("standard-webhooks", headers) == "signature-wrong"


@pytest.mark.parametrize(
    ("algorithm", "encoding"), [("sha256", "hex"), ("sha512", "hex"), ("sha384", "base64"), ("sha512", "base64")]
)
def test_a_source_of_its_own_form_is_described(algorithm: str, encoding: str) -> None:
    """Header, prefix, algorithm and encoding come from the configuration."""
    digest = hmac.new(KEY, BODY, algorithm).digest()
    text = digest.hex() if encoding == "hex" else base64.b64encode(digest).decode()
    terms: dict[str, Any] = {"header": "X-Mine", "prefix": "v0=", "algorithm": algorithm, "encoding": encoding}
    assert check("hmac", [("x-mine", f"v0={text}")], **terms) is Assurance.SIGNED
    assert refusal("hmac", [("x-mine", text)], **terms) == "signature-malformed"
    assert refusal("hmac", [("x-mine", "v0=")], **terms) == "signature-missing"


@pytest.mark.parametrize("value", ["Basic x", "Bearer", "Bearer  ", "x", "bearer wrong"])
def test_a_bearer_token_is_the_whole_word(value: str) -> None:
    """Other schemes, no token and another token are refused."""
    assert refusal("bearer", [("authorization", value)]).startswith("signature-")


@given(
    st.sampled_from(sorted(GOOD)),
    st.lists(
        st.tuples(
            st.sampled_from(
                [
                    "x-gitea-signature",
                    "x-hub-signature-256",
                    "webhook-id",
                    "webhook-timestamp",
                    "webhook-signature",
                    "x-signature",
                    "authorization",
                ]
            ),
            st.text(max_size=80),
        ),
        max_size=5,
    ),
    st.binary(max_size=40),
)
def test_nothing_made_up_is_accepted_and_nothing_else_is_raised(kind: str, headers: Headers, body: bytes) -> None:
    """Random headers and bodies are refused with a code, never with another exception."""
    assert refusal(kind, headers, body=body)
