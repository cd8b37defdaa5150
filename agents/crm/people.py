"""Clients, trainers, who trains whom, and who may ask about whom."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

import sqlalchemy as sa

from agents.base import ClientNotFound, NotAssigned, TrainerNotFound
from agents.crm.reader import Query, Reader, Row
from agents.crm.rows import AssignmentRow, ClientRow, TrainerRow
from agents.crm.tables import source
from agents.crm.words import fold

_REQUESTER = re.compile(r"(trainer|client|user):([0-9]{1,18})", re.ASCII)
_MOST_ASSIGNMENTS = 100


class PeopleReader(Reader):
    """Readers for people. An unknown id is an error; an absent table is only a warning."""

    def __init__(self, *reader: Any) -> None:
        super().__init__(*reader)
        self._asked: set[int] = set()
        self._assigned: dict[int, tuple[AssignmentRow, ...]] = {}
        self._by_email: dict[tuple[str, str], tuple[int, ...]] = {}

    def client(self, client_id: int) -> ClientRow:
        """The client. Raises ClientNotFound if there is none or `deleted_at` is set.

        Without a table of clients: a row that knows nothing but its id.
        """
        rows = self.read(Query("clients", by=(("id", client_id),), limit=1))
        if not rows:
            if self.has("clients", "id"):
                raise ClientNotFound(client_id)
            return ClientRow(client_id)
        row = rows[0]
        return ClientRow(
            id=row["id"],
            name=row["name"],
            age=row["age"],
            goals=row["goals"],
            medical_conditions=row["medical_conditions"],
            status=fold(row["status"], "active"),
            membership_type=row["membership_type"],
            start_date=row["start_date"],
        )

    def check_clients(self, client_ids: Iterable[int]) -> None:
        """Raises ClientNotFound for the first of these, however many, that cannot be read."""
        ids = tuple(dict.fromkeys(client_ids))
        if not ids:
            return
        rows = self.read(Query("clients", by=(("id", ids),), limit=len(ids), only=("id",)))
        found = {row["id"] for row in rows}
        missing = (client_id for client_id in ids if client_id not in found)
        if self.has("clients", "id") and (first := next(missing, None)) is not None:
            raise ClientNotFound(first)

    def active_clients(self, after: int, limit: int) -> tuple[int, ...] | None:
        """Ids of the active clients above `after`, at most `limit`, lowest first; None without
        such a table.

        Active: not deleted, and with the status `active`, a blank one or none.
        """
        if self._connection is None or not self.has("clients", "id"):
            return None
        # Whether a client is active is asked of each row in the order of ids: as a condition it
        # would have the planner, who cannot guess how many are, scan the table for every page.
        table = source("clients")
        active: list[sa.ColumnElement[bool]] = [sa.true()]
        if self.has("clients", "status"):
            status = sa.func.lower(sa.func.btrim(sa.cast(table.c.status, sa.Text)))
            active.append(sa.func.coalesce(status, "").in_(("", "active")))
        if self.has("clients", "deleted_at"):
            active.append(table.c.deleted_at.is_(None))
        page = sa.select(table.c.id, sa.and_(*active)).order_by(table.c.id).limit(limit)
        found: list[int] = []
        while len(found) < limit:
            rows = self._connection.execute(page.where(table.c.id > after)).all()
            found += [client_id for client_id, is_active in rows if is_active]
            if len(rows) < limit:
                break
            after = rows[-1][0]
        return tuple(found[:limit])

    def trainer(self, trainer_id: int) -> TrainerRow:
        """The trainer. Raises TrainerNotFound if there is none or `deleted_at` is set.

        Without a table of trainers: a row that knows nothing but its id.
        """
        rows = self.read(Query("trainers", by=(("id", trainer_id),), limit=1))
        if not rows:
            if self.has("trainers", "id"):
                raise TrainerNotFound(trainer_id)
            return TrainerRow(trainer_id)
        row = rows[0]
        return TrainerRow(
            id=row["id"],
            name=row["name"],
            specialization=row["specialization"],
            certification=row["certification"],
            experience_years=row["experience"],
            active=row["active"] is not False,
        )

    def assignments(self, client_id: int) -> tuple[AssignmentRow, ...]:
        """All assignments of the client that are not deleted, newest first."""
        if client_id not in self._assigned:
            # One scan of the table for all who were asked about together.
            self._read_assignments(({client_id} | self._asked) - self._assigned.keys())
        return self._assigned[client_id]

    def _read_assignments(self, client_ids: set[int]) -> None:
        rows = self.read(
            Query(
                "assignments",
                by=(("client_id", tuple(sorted(client_ids))),),
                order=("-created_at", "-id"),
                limit=_MOST_ASSIGNMENTS * len(client_ids),
            )
        )
        found: dict[int, list[AssignmentRow]] = {client_id: [] for client_id in client_ids}
        for row in rows:
            if row["trainer_id"] is not None:
                found[row["client_id"]].append(_assignment(row))
        self._assigned |= {client_id: tuple(mine) for client_id, mine in found.items()}

    def active_assignment(self, client_id: int) -> AssignmentRow | None:
        """The newest active assignment: it names the trainer in charge. None without one."""
        return next((row for row in self.assignments(client_id) if row.status == "active"), None)

    def check_authority(self, requested_by: str | None, *client_ids: int) -> None:
        """Raises NotAssigned unless `requested_by` has a right to each of these clients.

        ``trainer:12`` needs an active assignment, ``client:7`` must be the same client, ``user:3``
        must be active and staff, or be one of the former by e-mail address. None is the main app
        itself. What cannot be checked (another form, or no such table) passes with a warning.
        """
        if not requested_by:
            return
        match = _REQUESTER.fullmatch(requested_by.strip())
        if match is None:
            self.warn(
                "authority_unchecked: requested_by is no trainer:<id>, client:<id>, user:<id>"
            )
            return
        role, number = match[1], int(match[2])
        self._asked.update(client_ids)
        for client_id in client_ids:
            if not self._may(role, number, client_id):
                raise NotAssigned(match[0], client_id)

    def _may(self, role: str, number: int, client_id: int) -> bool:
        if role == "trainer":
            return self._trains(number, client_id)
        return number == client_id if role == "client" else self._user_may(number, client_id)

    def _trains(self, trainer_id: int, client_id: int) -> bool:
        if not self.has("assignments", "client_id", "trainer_id"):
            self.warn("authority_unchecked: this database has no assignments")
            return True
        try:
            self.trainer(trainer_id)
        except TrainerNotFound:
            return False
        return any(
            row.trainer_id == trainer_id and row.status == "active"
            for row in self.assignments(client_id)
        )

    def _user_may(self, user_id: int, client_id: int) -> bool:
        if not self.has("users", "id", "role"):
            self.warn("authority_unchecked: this database has no users with roles")
            return True
        rows = self.read(Query("users", by=(("id", user_id),), limit=1))
        if not rows or rows[0]["active"] is False:
            return False
        role = fold(rows[0]["role"], "user")
        if role == "client":
            return client_id in self._ids_by_email("clients", rows[0]["email"])
        if role == "trainer":
            ids = self._ids_by_email("trainers", rows[0]["email"])
            return any(self._trains(trainer_id, client_id) for trainer_id in ids)
        return role in ("user", "admin")

    def _ids_by_email(self, name: str, email: str | None) -> tuple[int, ...]:
        """Ids of the rows with this address; the address itself is compared, never fetched."""
        if not email or self._connection is None or not self.has(name, "id", "email"):
            return ()
        key = (name, email.strip().lower())
        if key not in self._by_email:
            table = source(name)
            statement = (
                sa.select(table.c.id).where(sa.func.lower(table.c.email) == key[1]).limit(2)
            )
            self._by_email[key] = tuple(self._connection.execute(statement).scalars())
        return self._by_email[key]


def _assignment(row: Row) -> AssignmentRow:
    return AssignmentRow(
        id=row["id"],
        trainer_id=row["trainer_id"],
        client_id=row["client_id"],
        status=fold(row["status"], "active"),
        notes=row["notes"],
        created_at=row["created_at"],
    )
