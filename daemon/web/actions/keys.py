"""Keys and sessions: given, listed, taken back."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Literal

from daemon.web.access import Principal, new_key
from daemon.web.actions.base import Act
from daemon.web.refused import conflict, invalid, not_found

ROLES = ("viewer", "operator", "admin")
KeyRole = Literal["viewer", "operator", "admin"]


class KeyActions(Act):
    async def add_key(
        self, who: Principal, name: str, role: KeyRole, expires_at: datetime | None = None
    ) -> tuple[int, str]:
        """(id, the key itself, which is shown now and never again).

        Refused: 400 for a name, role or time that cannot be, 409 for a name in use.
        """
        check_key(name, role, expires_at)
        key, digest, prefix = new_key()
        async with self._transaction(who) as connection:
            row = await self._row(
                connection,
                "key_put",
                name=name.strip(),
                role=role,
                hash=digest,
                prefix=prefix,
                by=who.name,
                expires_at=expires_at,
            )
            if row is None:
                raise conflict(
                    f"name: a key {name.strip()!r} is in use", "revoke it first, or take another"
                )
            after = {"name": name.strip(), "role": role, "expires_at": expires_at}
            await self._audit(connection, who, "add_key", f"key:{row['id']}", after=after)
        self._access.forget()
        return row["id"], key

    async def revoke_key(self, who: Principal, key_id: int) -> str:
        """End a key and its sessions, at once; returns its name. Refused: 404."""
        async with self._transaction(who) as connection:
            row = await self._row(connection, "key_revoke", key_id=key_id, name=None, by=who.name)
            if row is None:
                raise not_found(f"key {key_id} in use")
            before = {"name": row["name"], "role": row["role"]}
            await self._audit(connection, who, "revoke_key", f"key:{key_id}", before)
        self._access.forget()
        name: str = row["name"]
        return name

    async def revoke_session(self, who: Principal, session_id: int) -> str:
        """Sign somebody out, at once; returns the name. Refused: 404."""
        async with self._transaction(who) as connection:
            row = await self._row(connection, "session_revoke", session_id=session_id, by=who.name)
            if row is None:
                raise not_found(f"open session {session_id}")
            await self._audit(
                connection, who, "revoke_session", f"session:{session_id}", {"name": row["name"]}
            )
        self._access.forget()
        name: str = row["name"]
        return name

    async def list_keys(self) -> list[dict[str, Any]]:
        """Rows of ``sql/key_list.sql``: no secret is in them."""
        return await self._rows("key_list")

    async def list_sessions(self) -> list[dict[str, Any]]:
        """Rows of ``sql/session_list.sql``: who is signed in."""
        return await self._rows("session_list")


def check_key(name: str, role: str, expires_at: datetime | None) -> None:
    """Raises Refused (400) for what no key can have."""
    if not 1 <= len(name.strip()) <= 80 or not name.isprintable():
        raise invalid("name", "1 to 80 printable characters are expected", "such as 'dana'")
    if role not in ROLES:
        raise invalid("role", f"{role[:40]!r} given; expected {', '.join(ROLES)}")
    if expires_at is not None and expires_at <= datetime.now(UTC):
        raise invalid("expires_at", "it is over already", "give a moment to come, or leave it out")
