"""What the fields beside a value say of it: names of fields, handles, keys of files, ids that say of what."""

from __future__ import annotations

from random import Random

import pytest

from warden.guard import GuardScanner
from warden.testing.guard_samples import draw

SCANNER = GuardScanner()
RANDOM = Random(31)


def is_flagged(template: str) -> bool:
    """Return whether something is found in a text drawn from `template`."""
    return bool(SCANNER.scan(draw(template, RANDOM)))


@pytest.mark.parametrize(
    "template",
    [
        '{"id": 7, "cart_token": "{x32}", "token": "{x32}", "currency": "EUR"}',
        '{"signature": {"timestamp": "1731000000", "token": "{x50}", "signature": "{x64}"}}',
        '"form_response": {"form_id": "{w8}", "token": "{l32}", "landed_at": "2026-11-02T10:00:00Z"}',
        '"order_status_url": "https://shop.example.org/{d8}/orders/{x32}/authenticate?key={x32}"',
        '"storage": {"key": "{v60}", "url": "https://example.org/m"}',
        '"object": {"key": "exports/2026/{uuid}.csv", "size": 12}',
        '"summary": "Rotate API token for staging", "customfield_10019": "0|i0001:"',
        '"file_key": "{w22}", "file_name": "Login"',
        '"aggreg_key": "{x32}", "alert_cycle_key": "{d19}"',
        '"AccountSid": "AC{x32}", "SmsSid": "SM{x32}", "MessagingServiceSid": "MG{x32}"',
        '"version_token": "{w49}6o"',
        '"details": {"session_id": "{v32}"}',
        '"headers": [["Cf-Ray", "{x16}-FRA"], ["Host", "example.org"]]',
        "X-Google-Smtp-Source: AGHT+I{v40}",
        "golang.org/x/crypto v0.31.0 h1:{b43}=",
        "customer cus_{w14}, subscription sub_1{w23}, price price_1{w23}",
        "aws_instance.web: ami-0{x16} in subnet-0{x16}, volume vol-0{x16}",
        "secret files: data/{w24}/report.parquet",
    ],
)
def test_what_lets_nobody_in_passes(template: str) -> None:
    """Handles, nonces, names of files and fields, and ids of objects are no secrets, whatever their fields are called."""
    assert not is_flagged(template)


@pytest.mark.parametrize(
    "template",
    [
        '{"token": "{x32}", "expires_in": 3600}',
        '{"token": "{x32}", "timestamp": 1731000000}',
        '{"signature": "{x64}", "webhook_token": "{x50}", "timestamp": 1731000000}',
        '{"form_id": "{w8}", "api_token": "{l32}"}',
        '"webhook_url": "https://hooks.example.org/in?key={x32}"',
        '"stripe": {"key": "{w40}"}',
        "stripe key: {w40}",
        "token: sub-{w32}",
        "X-Google-Api-Key: {w39}",
        '"connect.sid": "{w32}"',
        'api_key = "{w32}.eu"',
        'consumer_secret = "cs_{x40}"',
    ],
)
def test_what_lets_somebody_in_is_found(template: str) -> None:
    """The same fields beside a qualified name, or a bare one without company, change nothing."""
    assert is_flagged(template)
