"""Where notifications go: a signed webhook, and whatever Apprise speaks to.

A target says of a notification that it took it, or raises `NotifyError`, whose text names neither an address nor a secret.
INVARIANT (bounded): tries, time-outs and what is read of an answer.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

from warden.errors import ConfigError, NotifyError

if TYPE_CHECKING:
    from datetime import datetime
    from http.client import HTTPConnection

    from apprise import Apprise

    from warden.ports import Clock
    from warden.watch.notices import Notification

TIMEOUT_S = 5.0
PAUSES_S = (1.0, 3.0)
"""Before the second and the third try of a webhook."""
ANSWER_BYTES = 4096
SECRET_PREFIX = "whsec_"
SECRET_BYTES = range(24, 65)
"""Lengths of a signing key that the specification asks for."""
WEBHOOK, APPRISE = "webhook", "apprise"
_AGAIN = frozenset({408, 425, 429, 500, 502, 503, 504})


class Target(Protocol):
    """Takes notifications."""

    @property
    def name(self) -> str:
        """`webhook` or `apprise`."""
        ...

    def check(self) -> None:
        """Raise `ConfigError` or `NotifyError` when nothing can be sent there; sends nothing."""
        ...

    def send(self, notification: Notification) -> None:
        """Deliver; raises `NotifyError`."""
        ...


def signing_key(secret: str) -> bytes:
    """Return the key that a secret of Standard Webhooks holds (`whsec_` and base64); raises `ConfigError`."""
    try:
        key = base64.b64decode(secret.removeprefix(SECRET_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not secret.startswith(SECRET_PREFIX) or len(key) not in SECRET_BYTES:
        hint = "write `whsec_` and 24 to 64 random bytes in base64: `echo whsec_$(head -c 32 /dev/urandom | base64)`"
        raise ConfigError("the webhook's secret is not one of Standard Webhooks", hint)
    return key


def signed_headers(key: bytes, message_id: str, at: datetime, body: bytes) -> Mapping[str, str]:
    """Return the three headers of Standard Webhooks 1.0.0 for this body, signed with HMAC-SHA256."""
    seconds = str(int(at.timestamp()))
    signed = f"{message_id}.{seconds}.".encode() + body
    signature = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    return {"webhook-id": message_id, "webhook-timestamp": seconds, "webhook-signature": f"v1,{signature}"}


class Webhook:
    """Posts notifications as JSON to one address; no redirect is followed and no proxy of the environment is used."""

    name = WEBHOOK

    def __init__(
        self, url: str, secret: str, clock: Clock, user_agent: str, pauses_s: Sequence[float] = PAUSES_S
    ) -> None:
        """Prepare; `pauses_s` come before the second and later tries. Raises `ConfigError` for a secret that is none."""
        self._url = url
        self._key = signing_key(secret)
        self._clock = clock
        self._pauses_s = pauses_s
        self._user_agent = user_agent

    def check(self) -> None:
        """Connect, and send nothing; raises `NotifyError`."""
        connection = self._connect()
        try:
            connection.connect()
        except OSError as error:
            raise NotifyError(
                "the webhook cannot be reached", "look at `notify.webhook_url`, and whether it runs"
            ) from error
        finally:
            connection.close()

    def send(self, notification: Notification) -> None:
        """Deliver, with pauses between at most three tries; raises `NotifyError`."""
        body = json.dumps(notification.document(), ensure_ascii=True, separators=(",", ":")).encode()
        for pause_s in (*self._pauses_s, None):
            status = self._post(notification.message_id, body)
            if 200 <= status < 300:
                return
            if pause_s is None or status not in (0, *_AGAIN):
                said = f"answered {status}" if status else "cannot be reached"
                raise NotifyError(
                    f"the webhook {said}", "look at `notify.webhook_url`, and at the log of who serves it"
                )
            self._clock.wait(pause_s)

    def _connect(self) -> HTTPConnection:
        import http.client
        from urllib.parse import urlsplit

        parts = urlsplit(self._url)
        make = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        return make(parts.hostname or "", parts.port, timeout=TIMEOUT_S)

    def _post(self, message_id: str, body: bytes) -> int:
        """Return the status of one try, 0 when there was none."""
        import http.client
        from urllib.parse import urlsplit

        headers = {
            "content-type": "application/json",
            "user-agent": self._user_agent,
            **signed_headers(self._key, message_id, self._clock.now(), body),
        }
        connection = self._connect()
        try:
            connection.request("POST", urlsplit(self._url).path or "/", body, headers)
            answer = connection.getresponse()
            answer.read(ANSWER_BYTES)
            return answer.status
        except (OSError, http.client.HTTPException):
            return 0
        finally:
            connection.close()


class AppriseTarget:
    """Hands notifications to Apprise, which knows a hundred services by the form of one URL."""

    name = APPRISE

    def __init__(self, url: str) -> None:
        self._url = url

    def check(self) -> None:
        """Raise `ConfigError` when Apprise is not installed or does not know the URL's form."""
        self._open()

    def send(self, notification: Notification) -> None:
        """Deliver; raises `NotifyError`."""
        found = self._open()
        try:
            taken = found.notify(body=notification.text(), title=notification.title, interpret_escapes=False)
        except Exception as error:  # plug-ins of Apprise raise what they like, and quote their URL
            raise NotifyError(f"Apprise failed with {type(error).__name__}", "run `warden notify test`") from error
        if not taken:
            raise NotifyError("the service behind Apprise did not take it", "run `warden notify test`")

    def _open(self) -> Apprise:
        try:
            import apprise
        except ImportError as error:
            hint = "pip install 'ops-warden[notify]', or take `notify.apprise_*` out"
            raise ConfigError("notifications go through Apprise, and it is not installed", hint) from error
        import logging

        logging.getLogger("apprise").disabled = True  # INVARIANT (no-secret): its lines quote URLs
        asset = apprise.AppriseAsset(async_mode=False, storage_mode=apprise.PersistentStoreMode.MEMORY)
        found = apprise.Apprise(asset=asset)
        if not found.add(self._url):
            raise ConfigError("Apprise does not know the form of its URL", "see the list of services of Apprise")
        return found
