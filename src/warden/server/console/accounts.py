"""Users, sessions, one-time links and tokens: who may come in, and how long they stay.

INVARIANT (bounded): sessions of a user, links, users, and lines of the audit.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import sqlite3
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from warden.errors import InputError, quote
from warden.server.console.model import LINK, PASSPHRASE, TOKEN, Event, Lifetimes, Role, SessionRow, User, Visitor
from warden.server.console.throttle import FORGIVEN_AFTER_MS, PER_ADDRESS, PER_USER, wait_ms

if TYPE_CHECKING:
    from warden.ports import Clock
    from warden.server.console.database import ConsoleDatabase
    from warden.server.console.passphrases import Passphrases

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@+-]{0,63}")
MAX_USERS = 256
MAX_SESSIONS = 16
MAX_LINKS = 64
MAX_TOKENS = 64
MAX_FAILURES = 10_000
MAX_EVENTS = 20_000
SEEN_EVERY_MS = 30_000
TOKEN_BYTES = 32


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()


def csrf_of(token: str) -> str:
    """Return what forms carry for a session: a function of its token, so that none has to be kept."""
    return hmac.new(token.encode("utf-8", "replace"), b"warden console form", hashlib.sha256).hexdigest()


class Accounts:
    """The console's people. Every method may raise `StateError`."""

    def __init__(
        self, database: ConsoleDatabase, clock: Clock, passphrases: Passphrases, lifetimes: Lifetimes = Lifetimes()
    ) -> None:
        self._database = database
        self._clock = clock
        self._passphrases = passphrases
        self.lifetimes = lifetimes

    def _now(self) -> int:
        return int(self._clock.now().timestamp() * 1000)

    # users

    def add_user(self, name: str, role: Role, passphrase: str | None, by: str) -> None:
        """Add somebody; raises `InputError` for a name that cannot be or is taken, and for a passphrase that is too short."""
        if not NAME.fullmatch(name):
            raise InputError(f"{quote(name)} cannot name a user", "use letters, digits and `._@+-`, 64 at most")
        kept = "" if passphrase is None else self._passphrases.hash(passphrase)
        now = self._now()
        with self._database.writing() as connection:
            (number,) = connection.execute("SELECT count(*) FROM users").fetchone()
            if number >= MAX_USERS:
                raise InputError(f"there are {MAX_USERS} users already", "remove one first")
            if _row(connection, name) is not None:
                raise InputError(f"there is a user {quote(name)} already", "change it with `warden console user set`")
            connection.execute("INSERT INTO users VALUES (?, ?, ?, 0, ?)", (name, int(role), kept, now))
            self._note(connection, by, "user added", f"{name} {role.word}", "")

    def change_user(
        self, name: str, by: str, role: Role | None = None, passphrase: str | None = None, disabled: bool | None = None
    ) -> None:
        """Change somebody; every session, link and token of theirs ends with it. Raises `InputError`."""
        kept = None if passphrase is None else self._passphrases.hash(passphrase)
        with self._database.writing() as connection:
            if _row(connection, name) is None:
                raise InputError(f"there is no user {quote(name)}", "`warden console user list` names them")
            for column, value, what in (
                ("role", None if role is None else int(role), f"role {role.word}" if role else ""),
                ("passphrase", kept, "passphrase"),
                ("disabled", None if disabled is None else int(disabled), "disabled" if disabled else "enabled"),
            ):
                if value is not None:
                    connection.execute(f"UPDATE users SET {column} = ? WHERE name = ?", (value, name))  # noqa: S608 - ours
                    self._note(connection, by, "user changed", f"{name} {what}", "")
            _end_all(connection, name)

    def remove_user(self, name: str, by: str) -> None:
        """Remove somebody and all that is theirs; raises `InputError`."""
        with self._database.writing() as connection:
            if connection.execute("DELETE FROM users WHERE name = ?", (name,)).rowcount == 0:
                raise InputError(f"there is no user {quote(name)}", "`warden console user list` names them")
            self._note(connection, by, "user removed", name, "")

    def users(self) -> list[User]:
        """Return everybody."""
        with self._database.reading() as connection:
            return [_user(row) for row in connection.execute("SELECT * FROM users ORDER BY name")]

    def user(self, name: str) -> User | None:
        """Return somebody, or None."""
        with self._database.reading() as connection:
            row = _row(connection, name)
        return None if row is None else _user(row)

    # ways in

    def make_link(self, name: str, maker_uid: int, by: str) -> str:
        """Return the token of a one-time link for somebody; raises `InputError`."""
        token, now = secrets.token_urlsafe(TOKEN_BYTES), self._now()
        with self._database.writing() as connection:
            row = _row(connection, name)
            if row is None or row[3]:
                hint = "add one with `warden console user add`"
                raise InputError(f"there is no user {quote(name)} who may sign in", hint)
            connection.execute("DELETE FROM links WHERE expires_ms <= ?", (now,))
            connection.execute(
                "DELETE FROM links WHERE token_hash IN "
                "(SELECT token_hash FROM links ORDER BY expires_ms DESC LIMIT -1 OFFSET ?)",
                (MAX_LINKS - 1,),
            )
            expires = now + self.lifetimes.link_s * 1000
            connection.execute("INSERT INTO links VALUES (?, ?, ?, ?)", (_hash(token), name, maker_uid, expires))
            self._note(connection, by, "link made", name, "")
        return token

    def make_token(self, name: str, user: str, role: Role, maker_uid: int | None, days: int, by: str) -> str:
        """Return a new bearer token for the API, which acts for a user with at most their role; raises `InputError`."""
        token, now = secrets.token_urlsafe(TOKEN_BYTES), self._now()
        if not NAME.fullmatch(name):
            raise InputError(f"{quote(name)} cannot name a token", "use letters, digits and `._@+-`, 64 at most")
        with self._database.writing() as connection:
            row = _row(connection, user)
            if row is None or row[3]:
                raise InputError(
                    f"there is no user {quote(user)} who may sign in", "add one with `warden console user add`"
                )
            (number,) = connection.execute("SELECT count(*) FROM tokens").fetchone()
            if number >= MAX_TOKENS:
                raise InputError(
                    f"there are {MAX_TOKENS} tokens already", "remove one with `warden console token remove`"
                )
            try:
                connection.execute(
                    "INSERT INTO tokens VALUES (?, ?, ?, ?, ?, ?, ?)",
                    (_hash(token), name, user, int(role), maker_uid, now, now + days * 86_400_000),
                )
            except sqlite3.IntegrityError as error:
                raise InputError(f"there is a token {quote(name)} already", "remove it, or name another") from error
            self._note(connection, by, "token made", f"{name} for {user}, {role.word}", "")
        return token

    def tokens(self) -> list[tuple[str, str, str, datetime]]:
        """Return name, user, role and end of every token."""
        with self._database.reading() as connection:
            rows = connection.execute("SELECT name, user, role, expires_ms FROM tokens ORDER BY name").fetchall()
        return [(name, user, Role(role).word, _moment(expires)) for name, user, role, expires in rows]

    def remove_token(self, name: str, by: str) -> None:
        """Remove a token; raises `InputError`."""
        with self._database.writing() as connection:
            if connection.execute("DELETE FROM tokens WHERE name = ?", (name,)).rowcount == 0:
                raise InputError(f"there is no token {quote(name)}", "`warden console token list` names them")
            self._note(connection, by, "token removed", name, "")

    def claim(self, address: str, name: str | None) -> int:
        """Return for how many seconds no sign-in is taken; at 0 an attempt is counted, before anything is compared, so that
        many at once get no further than one after the other. `name` is None for a link."""
        now = self._now()
        with self._database.writing() as connection:
            waits = [0]
            subjects = [subject for subject in _subjects(address, name) if subject]
            for subject in subjects:
                row = connection.execute(
                    "SELECT number, last_ms FROM failures WHERE subject = ?", (subject,)
                ).fetchone()
                patience = PER_USER if subject.startswith("user ") else PER_ADDRESS
                waits.append(0 if row is None else wait_ms(patience, row[0], row[1], now))
            if max(waits) > 0:
                return -(-max(waits) // 1000)
            connection.execute(
                "DELETE FROM failures WHERE subject IN (SELECT subject FROM failures ORDER BY last_ms DESC LIMIT -1 OFFSET ?)",
                (MAX_FAILURES,),
            )
            for subject in subjects:
                connection.execute(
                    "INSERT INTO failures VALUES (?, 1, ?) ON CONFLICT (subject) DO UPDATE SET number = "
                    "CASE WHEN excluded.last_ms - last_ms >= ? THEN 1 ELSE number + 1 END, last_ms = excluded.last_ms",
                    (subject, now, FORGIVEN_AFTER_MS),
                )
        return 0

    def sign_in_with_link(self, token: str, address: str) -> str | None:
        """Use a link up and return a new session's token; None when it does not hold. `claim` comes first."""
        now = self._now()
        with self._database.writing() as connection:
            row = connection.execute(
                "SELECT l.user, l.maker_uid FROM links l JOIN users u ON u.name = l.user "
                "WHERE l.token_hash = ? AND l.expires_ms > ? AND u.disabled = 0",
                (_hash(token), now),
            ).fetchone()
            if row is None:
                self._note(connection, "?", "sign-in refused", LINK, address)
                return None
            connection.execute("DELETE FROM links WHERE token_hash = ?", (_hash(token),))
            _forgive(connection, address, None)
            return self._open(connection, row[0], LINK, row[1], address)

    def sign_in(self, name: str, passphrase: str, address: str) -> str | None:
        """Return a new session's token; None when name and passphrase do not fit. `claim` comes first."""
        kept = self._fitting(name, passphrase)
        with self._database.writing() as connection:
            if not self._holds(connection, name, kept, address):
                return None
            return self._open(connection, name, PASSPHRASE, None, address)

    def knows(self, name: str, passphrase: str, address: str) -> bool:
        """Return whether somebody who is signed in knows their passphrase as well. `claim` comes first."""
        kept = self._fitting(name, passphrase)
        with self._database.writing() as connection:
            return self._holds(connection, name, kept, address)

    def _fitting(self, name: str, passphrase: str) -> str:
        """Return the kept hash that a passphrase fits, empty when it fits none; no transaction is open meanwhile."""
        with self._database.reading() as connection:
            row = _row(connection, name)
        kept = "" if row is None or row[3] else row[2]
        return kept if self._passphrases.fits(kept, passphrase) else ""

    def _holds(self, connection: sqlite3.Connection, name: str, kept: str, address: str) -> bool:
        row = _row(connection, name)
        if not kept or row is None or row[3] or row[2] != kept:  # it may have been changed meanwhile
            self._note(connection, _known(connection, name), "sign-in refused", PASSPHRASE, address)
            return False
        _forgive(connection, address, name)
        return True

    def _open(self, connection: sqlite3.Connection, user: str, method: str, maker_uid: int | None, address: str) -> str:
        token, now = secrets.token_urlsafe(TOKEN_BYTES), self._now()
        connection.execute(
            "DELETE FROM sessions WHERE token_hash IN (SELECT token_hash FROM sessions WHERE user = ? "
            "ORDER BY seen_ms DESC LIMIT -1 OFFSET ?)",
            (user, MAX_SESSIONS - 1),
        )
        connection.execute(
            "INSERT INTO sessions VALUES (?, ?, ?, ?, ?, ?, ?)",
            (_hash(token), user, method, maker_uid, address, now, now),
        )
        self._note(connection, user, "signed in", method, address)
        return token

    # sessions

    def visitor(self, token: str) -> Visitor | None:
        """Return whose session a token is, and keep it from running out; None when it is nobody's."""
        now, key = self._now(), _hash(token)
        with self._database.reading() as connection:
            row = connection.execute(
                "SELECT s.user, u.role, s.method, s.maker_uid, s.created_ms, s.seen_ms FROM sessions s "
                "JOIN users u ON u.name = s.user WHERE s.token_hash = ? AND u.disabled = 0",
                (key,),
            ).fetchone()
        if row is None:
            return None
        user, role, method, maker_uid, created, seen = row
        life = self.lifetimes
        if now - seen >= life.idle_s * 1000 or now - created >= life.session_s * 1000:
            with self._database.writing() as connection:
                connection.execute("DELETE FROM sessions WHERE token_hash = ?", (key,))
            return None
        if now - seen >= min(SEEN_EVERY_MS, life.idle_s * 500):
            with self._database.writing() as connection:
                connection.execute("UPDATE sessions SET seen_ms = ? WHERE token_hash = ?", (now, key))
        return Visitor(user, Role(role), method, maker_uid, key[:16], csrf_of(token))

    def still_in(self, key: str) -> bool:
        """Return whether the session that is listed under `key` still holds; it is not kept from running out."""
        now, life = self._now(), self.lifetimes
        with self._database.reading() as connection:
            row = connection.execute(
                "SELECT 1 FROM sessions s JOIN users u ON u.name = s.user WHERE substr(s.token_hash, 1, 16) = ? "
                "AND u.disabled = 0 AND s.seen_ms > ? AND s.created_ms > ?",
                (key, now - life.idle_s * 1000, now - life.session_s * 1000),
            ).fetchone()
        return row is not None

    def bearer(self, token: str) -> Visitor | None:
        """Return for whom a bearer token acts; None when it is nobody's."""
        with self._database.reading() as connection:
            row = connection.execute(
                "SELECT t.user, min(t.role, u.role), t.maker_uid, t.name FROM tokens t JOIN users u ON u.name = t.user "
                "WHERE t.token_hash = ? AND t.expires_ms > ? AND u.disabled = 0",
                (_hash(token), self._now()),
            ).fetchone()
        return None if row is None or row[0] is None else Visitor(row[0], Role(row[1]), TOKEN, row[2], row[3])

    def sign_out(self, token: str) -> None:
        """End a session."""
        with self._database.writing() as connection:
            connection.execute("DELETE FROM sessions WHERE token_hash = ?", (_hash(token),))

    def end_session(self, key: str, by: str) -> None:
        """End the session that is listed under `key`."""
        with self._database.writing() as connection:
            connection.execute("DELETE FROM sessions WHERE substr(token_hash, 1, 16) = ?", (key,))
            self._note(connection, by, "session ended", key, "")

    def sessions(self) -> list[SessionRow]:
        """Return the sessions that hold, newest first."""
        now, life = self._now(), self.lifetimes
        with self._database.reading() as connection:
            rows = connection.execute(
                "SELECT token_hash, user, method, address, created_ms, seen_ms FROM sessions "
                "WHERE seen_ms > ? AND created_ms > ? ORDER BY seen_ms DESC",
                (now - life.idle_s * 1000, now - life.session_s * 1000),
            ).fetchall()
        return [SessionRow(row[0][:16], row[1], row[2], row[3], _moment(row[4]), _moment(row[5])) for row in rows]

    # audit

    def note(self, user: str, what: str, detail: str, address: str) -> None:
        """Write a line of the audit."""
        with self._database.writing() as connection:
            self._note(connection, user, what, detail, address)

    def _note(self, connection: sqlite3.Connection, user: str, what: str, detail: str, address: str) -> None:
        row = connection.execute(
            "INSERT INTO audit (at_ms, user, what, detail, address) VALUES (?, ?, ?, ?, ?)",
            (self._now(), user, what, detail[:200], address),
        )
        connection.execute("DELETE FROM audit WHERE id <= ?", ((row.lastrowid or 0) - MAX_EVENTS,))

    def events(self, limit: int = 200) -> list[Event]:
        """Return the last lines of the audit, newest first."""
        with self._database.reading() as connection:
            rows = connection.execute(
                "SELECT at_ms, user, what, detail, address FROM audit ORDER BY id DESC LIMIT ?", (limit,)
            ).fetchall()
        return [Event(_moment(row[0]), *row[1:]) for row in rows]


def _moment(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, UTC)


def _subjects(address: str, name: str | None) -> tuple[str, str]:
    return f"address {address}", "" if name is None else f"user {_hash(name)[:32]}"


def _forgive(connection: sqlite3.Connection, address: str, name: str | None) -> None:
    """An attempt that was right counts as none; an address keeps its other failures, a user's are forgotten."""
    at, user = _subjects(address, name)
    connection.execute("UPDATE failures SET number = max(0, number - 1) WHERE subject = ?", (at,))
    connection.execute("DELETE FROM failures WHERE subject = ?", (user,))


def _known(connection: sqlite3.Connection, name: str | None) -> str:
    """Return the name of somebody who exists; what else was typed there may be a passphrase, and is not kept."""
    return name if name is not None and _row(connection, name) is not None else "?"


def _row(connection: sqlite3.Connection, name: str) -> tuple[str, int, str, int, int] | None:
    return connection.execute(  # type: ignore[no-any-return]
        "SELECT name, role, passphrase, disabled, created_ms FROM users WHERE name = ?",
        (name.encode("utf-8", "replace").decode(),),
    ).fetchone()


def _user(row: tuple[str, int, str, int, int]) -> User:
    return User(row[0], Role(row[1]), bool(row[2]), bool(row[3]), _moment(row[4]))


def _end_all(connection: sqlite3.Connection, name: str) -> None:
    for table in ("sessions", "links", "tokens"):
        connection.execute(f"DELETE FROM {table} WHERE user = ?", (name,))  # noqa: S608 - names of our own tables
