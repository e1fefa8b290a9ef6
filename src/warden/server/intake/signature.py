"""Who sent a delivery: signatures over its raw bytes, checked before anything of it is parsed.

What it does: checks one delivery's headers and body against the keys of its source, in constant time, and says why it is
refused. What it does not: parse the body, remember deliveries, or read keys from anywhere. Rules: a header that matters is
there once or not at all; an empty signature, a bare `sha256=` (some forges send both when they have no secret) and SHA-1
are refused; with several keys, all are tried, so that a key can be replaced without a gap.

Formats: Gitea's `X-Gitea-Signature` (lower-case hex HMAC-SHA256), GitHub's `X-Hub-Signature-256` (`sha256=` and hex), the
Standard Webhooks specification (id, time and body signed together, base64, versions `v1`), RFC 6750 for bearer tokens.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from warden.model.message import Assurance

Headers = Sequence[tuple[str, str]]
"""Names in lower case, in the order of arrival, repeated ones included."""

TOLERANCE_S = 300.0
_HEX = re.compile(r"[0-9a-f]+\Z")
_SECONDS = re.compile(r"[0-9]{1,12}\Z")
_ID = re.compile(r"[\x21-\x7e]{1,256}\Z")
_SECRET_PREFIX = "whsec_"
_SIGNATURES_LIMIT = 16


class SourceKind(StrEnum):
    """How a source proves who it is."""

    GITEA = "gitea"
    GITHUB = "github"
    STANDARD_WEBHOOKS = "standard-webhooks"
    HMAC = "hmac"
    BEARER = "bearer"


@dataclass(frozen=True, slots=True)
class SignatureTerms:
    """What a source signs with. `header`, `prefix`, `algorithm` (sha256, sha384, sha512) and `encoding` (hex, base64) describe
    the kind `hmac`; `tolerance_s` is how old a timestamp may be, and how far ahead."""

    kind: SourceKind
    header: str = "x-signature"
    prefix: str = ""
    algorithm: str = "sha256"
    encoding: str = "hex"
    tolerance_s: float = TOLERANCE_S


class RefusedDeliveryError(Exception):
    """A delivery is not from its source. `code` is a stable word for the quarantine; nothing of the delivery is in it."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def check_signature(
    terms: SignatureTerms, keys: Sequence[bytes], headers: Headers, body: bytes, now_s: float
) -> Assurance:
    """Return how far the delivery is vouched for: signed, or by token. `now_s` is seconds since 1970, UTC.

    Raises `RefusedDeliveryError` for everything else.
    """
    if not keys or not all(keys):
        raise RefusedDeliveryError("no-key")
    match terms.kind:
        case SourceKind.BEARER:
            _check_bearer(keys, headers)
            return Assurance.TOKEN
        case SourceKind.STANDARD_WEBHOOKS:
            _check_standard(terms, keys, headers, body, now_s)
        case SourceKind.GITHUB:
            _check_github(keys, headers, body)
        case SourceKind.GITEA:
            _check_digest(_only(headers, "x-gitea-signature"), "sha256", "hex", keys, body)
        case SourceKind.HMAC:
            given = _only(headers, terms.header.lower())
            if not given.startswith(terms.prefix):
                raise RefusedDeliveryError("signature-malformed")
            _check_digest(given[len(terms.prefix) :], terms.algorithm, terms.encoding, keys, body)
    return Assurance.SIGNED


def _only(headers: Headers, name: str) -> str:
    """Return the value of a header that has to be there once, and not empty."""
    values = [value for found, value in headers if found == name]
    if len(values) > 1:
        raise RefusedDeliveryError("header-repeated")
    if not values or not values[0].strip():
        raise RefusedDeliveryError("signature-missing")
    return values[0].strip()


def _check_github(keys: Sequence[bytes], headers: Headers, body: bytes) -> None:
    names = {name for name, _ in headers}
    if "x-hub-signature-256" not in names and "x-hub-signature" in names:
        raise RefusedDeliveryError("sha1-only")
    given = _only(headers, "x-hub-signature-256")
    if not given.startswith("sha256="):
        raise RefusedDeliveryError("signature-malformed")
    _check_digest(given[len("sha256=") :], "sha256", "hex", keys, body)


def _check_digest(given: str, algorithm: str, encoding: str, keys: Sequence[bytes], body: bytes) -> None:
    if not given:
        raise RefusedDeliveryError("signature-missing")
    if encoding == "hex" and not _HEX.match(given):
        raise RefusedDeliveryError("signature-malformed")
    wanted = (hmac.digest(key, body, algorithm) for key in keys)
    if encoding == "hex":
        found = [hmac.compare_digest(digest.hex(), given) for digest in wanted]
    else:
        found = [hmac.compare_digest(base64.b64encode(digest), given.encode("utf-8", "replace")) for digest in wanted]
    if not any(found):  # a list: every key is tried, whichever fits
        raise RefusedDeliveryError("signature-wrong")


def _check_standard(terms: SignatureTerms, keys: Sequence[bytes], headers: Headers, body: bytes, now_s: float) -> None:
    """Check `webhook-id`, `webhook-timestamp` and `webhook-signature` (Standard Webhooks, "Verifying webhook authenticity")."""
    delivery_id = _only(headers, "webhook-id")
    timestamp = _only(headers, "webhook-timestamp")
    given = _only(headers, "webhook-signature")
    if not _ID.match(delivery_id) or not _SECONDS.match(timestamp):
        raise RefusedDeliveryError("signature-malformed")
    if not abs(now_s - int(timestamp)) <= terms.tolerance_s:
        raise RefusedDeliveryError("timestamp-out-of-tolerance")
    signed = f"{delivery_id}.{timestamp}.".encode("ascii") + body
    wanted = [base64.b64encode(hmac.digest(standard_key(key), signed, "sha256")) for key in keys]
    offered = [part.partition(",") for part in given.split(" ")[:_SIGNATURES_LIMIT]]
    versioned = [value.encode("utf-8", "replace") for version, _, value in offered if version == "v1"]
    if not versioned:
        raise RefusedDeliveryError("signature-malformed")
    if not any([hmac.compare_digest(digest, value) for digest in wanted for value in versioned]):  # noqa: C419 - every one
        raise RefusedDeliveryError("signature-wrong")


def standard_key(key: bytes) -> bytes:
    """Return the bytes of a Standard Webhooks secret: base64 after `whsec_`, or the bytes as they are without that prefix.

    Raises `RefusedDeliveryError` when the secret is not what its prefix says.
    """
    if not key.startswith(_SECRET_PREFIX.encode()):
        return key
    try:
        return base64.b64decode(key[len(_SECRET_PREFIX) :], validate=True)
    except binascii.Error as error:
        raise RefusedDeliveryError("no-key") from error


def _check_bearer(keys: Sequence[bytes], headers: Headers) -> None:
    scheme, _, token = _only(headers, "authorization").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise RefusedDeliveryError("signature-malformed")
    given = token.strip().encode("utf-8", "replace")
    if not any([hmac.compare_digest(key, given) for key in keys]):  # noqa: C419 - every key is tried
        raise RefusedDeliveryError("signature-wrong")
