"""Trainers, clients, who trains whom, logins, and the secrets that nobody may read."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from daemon.demo.gym import texts
from daemon.demo.gym.building import SECRET, Building
from daemon.demo.gym.truth import Body, ClientTruth, Standing, TrainerTruth, Where

_SHIFTS = (((1, 2, 3, 4, 5), 6, 14), ((1, 2, 3, 4, 6), 12, 20), ((2, 3, 4, 5, 6), 9, 17))
_BODIES: tuple[Body, ...] = (
    "steady_loss",
    "plateau",
    "regain",
    "gain",
    "maintenance",
    "sparse",
    "no_readings",
)
_STANDINGS: dict[int, Standing] = {
    3: "fading",
    5: "no_trainer",
    7: "former_trainer",
    9: "soft_deleted",
}


@dataclass(frozen=True, slots=True)
class Part:
    """A named client of the demo: what is fixed about it; everything else is left to the dice."""

    name: str
    body: Body
    standing: Standing = "normal"
    age: int | None = 40
    wish: str | None = None
    conditions: str | None = None
    codes: tuple[str, ...] = ()
    note: str | None = None


CAST: tuple[Part, ...] = (
    Part(
        "low_back",
        "plateau",
        age=44,
        wish="Lose weight",
        conditions="Chronic lower back pain",
        codes=("low_back",),
    ),
    Part(
        "knee_hypertension",
        "steady_loss",
        age=58,
        wish="Get fitter, lose some weight",
        conditions="Knee pain, high blood pressure",
        codes=("knee", "hypertension"),
    ),
    Part(
        "healthy_dumbbells",
        "gain",
        age=29,
        wish="Build muscle at home",
        conditions="No injuries, no medical conditions",
    ),
    Part(
        "pregnant",
        "maintenance",
        age=31,
        wish="Stay active",
        conditions="Pregnant, second trimester",
        codes=("pregnancy",),
    ),
    Part(
        "chest_pain",
        "no_readings",
        age=52,
        wish="Get stronger",
        conditions="Chest pain during exercise",
        codes=("chest_pain",),
    ),
    Part("no_data", "no_readings", standing="all_null", age=None),
    Part("pounds_as_kg", "steady_loss", age=37, wish="Lose 20 lbs", conditions="None"),
    Part("wrong_goal", "regain", age=46, wish="Lose weight"),
    Part(
        "notes_only",
        "maintenance",
        standing="fading",
        age=35,
        wish="Get stronger",
        codes=("shoulder",),
        note=texts.IN_NOTES[0][0],
    ),
    Part("no_trainer", "sparse", standing="no_trainer", age=63, wish="Move more"),
    Part("former_trainer", "gain", standing="former_trainer", age=26, wish="Build muscle"),
    Part("soft_deleted", "maintenance", standing="soft_deleted", age=41, wish="General fitness"),
)


def add_trainers(gym: Building, number: int) -> None:
    """Trainers with a shift each; the last one left (inactive, soft-deleted where that exists)."""
    for index in range(number + 1):
        left = index == number
        days, first, last = _SHIFTS[index % len(_SHIFTS)]
        stamp = gym.utc_now - timedelta(days=gym.options.days + 60)
        trainer_id = gym.add(
            "trainers",
            name=f"Trainer {index + 1:02d}",
            email=f"trainer-{index + 1:02d}@gym.example",
            phone=None,
            specialization=("strength, weight loss", "rehab,mobility", None)[index % 3],
            certification=("NSCA-CPT", "ACSM, first aid", None)[index % 3],
            experience=(3, 12, None)[index % 3],
            # NULL is what a row made by somebody else's script holds: it means true.
            active=False if left else (None if index == 1 else True),
            created_at=stamp,
            updated_at=stamp,
            deleted_at=gym.utc_now - timedelta(days=100) if left else None,
        )
        gym.truth.trainers[trainer_id] = TrainerTruth(
            trainer_id, days, first, last, active=not left, soft_deleted=left
        )


def add_clients(gym: Building, number: int) -> None:
    """Clients 1 to `number`: the cast first, then every kind in turn."""
    for index in range(number):
        part = CAST[index] if index < len(CAST) else _extra(gym, index)
        client = _add_client(gym, part)
        if index < len(CAST):
            gym.truth.cast[part.name] = client.client_id
        _assign(gym, client, part)


def add_hostile_clients(gym: Building) -> None:
    """One more client, like any other but for its texts, for each kind of hostile text."""
    for name, (text, codes) in texts.HOSTILE.items():
        part = Part(name, "steady_loss", wish=text, conditions=text, codes=tuple(sorted(codes)))
        client = _add_client(gym, part)
        gym.truth.cast[name] = client.client_id
        _assign(gym, client, part)


def _extra(gym: Building, index: int) -> Part:
    dice = gym.dice("client", index)
    standing: Standing = "all_null" if index % 25 == 24 else _STANDINGS.get(index % 10, "normal")
    body: Body = "no_readings" if standing == "all_null" else _BODIES[index % len(_BODIES)]
    told = texts.IN_FIELD[index % len(texts.IN_FIELD)]
    note = None
    if index % 8 == 0 and standing == "normal":
        note, codes = texts.IN_NOTES[index % len(texts.IN_NOTES)]
        told = (None, codes)
    return Part(
        f"client_{index + 1}",
        body,
        standing,
        age=(None, 3, 180)[index % 3] if index % 17 == 0 else dice.randint(18, 74),
        wish=texts.WISHES[index % len(texts.WISHES)],
        conditions=told[0],
        codes=tuple(sorted(told[1])),
        note=note,
    )


def _add_client(gym: Building, part: Part) -> ClientTruth:
    number = len(gym.tables["clients"]) + 1
    dice = gym.dice("start", number)
    blank = part.standing == "all_null"
    hostile = part.conditions in {told[0] for told in texts.HOSTILE.values()}
    joined = gym.utc_now - timedelta(days=gym.options.days + dice.randint(0, 300))
    deleted = gym.utc_now - timedelta(days=20) if part.standing == "soft_deleted" else None
    name = texts.HOSTILE_NAMES[number % 3] if hostile else "Client {:03d}"
    client_id = gym.add(
        "clients",
        name=name.format(number),
        email=f"client-{number:03d}@mail.example",
        age=part.age,
        goals=part.wish,
        medical_conditions=part.conditions,
        status=None if blank else ("active", "active", "Active", "pending")[number % 4],
        membership_type=None if blank else ("monthly", "quarterly", "annual")[number % 3],
        start_date=None if blank else joined,
        created_at=None if blank else joined,
        updated_at=None if blank else joined,
        deleted_at=deleted,
    )
    truth = gym.truth.clients[client_id] = ClientTruth(
        client_id,
        part.body,
        part.standing,
        age=part.age,
        conditions=frozenset(part.codes),
        conditions_from=_where(part),
        hostile=hostile,
    )
    return truth


def _where(part: Part) -> Where:
    if not part.codes:
        return "nowhere"
    return "notes" if part.note else "field"


def _assign(gym: Building, client: ClientTruth, part: Part) -> None:
    """The trainer in charge is the newest active assignment; older and odd ones occur."""
    working = [trainer for trainer in gym.truth.trainers.values() if trainer.active]
    if not working or client.standing in ("no_trainer", "all_null"):
        return
    dice = gym.dice("assign", client.client_id)
    trainer_id = working[client.client_id % len(working)].trainer_id
    started = gym.utc_now - timedelta(days=gym.options.days - dice.randint(0, 20))
    client.trainer_id = trainer_id
    if client.standing == "former_trainer":
        client.former_trainer_id = working[(client.client_id + 1) % len(working)].trainer_id
        _add_assignment(gym, client.former_trainer_id, client, started, "completed")
        started = gym.utc_now - timedelta(days=45)
    elif client.client_id % 9 == 4:
        # Two at once: only the newer one counts.
        _add_assignment(gym, working[0].trainer_id, client, started - timedelta(days=5), "active")
    note = part.note if client.client_id % 16 == 1 else None
    if part.note and not note:
        gym.complaints[client.client_id] = part.note
    status = None if client.client_id % 11 == 8 else "active"
    _add_assignment(gym, trainer_id, client, started, status, note)


def _add_assignment(
    gym: Building,
    trainer_id: int,
    client: ClientTruth,
    created_at: datetime,
    status: str | None,
    notes: str | None = None,
) -> None:
    gym.add(
        "assignments",
        trainer_id=trainer_id,
        client_id=client.client_id,
        notes=notes,
        status=status,
        created_at=created_at,
        updated_at=created_at,
        deleted_at=None,
    )


def add_logins(gym: Building) -> None:
    """A login per trainer and for a few clients, an administrator, and rows full of secrets."""
    people = [("trainer", row) for row in gym.tables["trainers"]]
    people += [("client", row) for row in gym.tables["clients"][:5]]
    accounts = [("admin", "admin@gym.example")] + [(role, row["email"]) for role, row in people]
    for role, email in accounts:
        gym.add(
            "users",
            username=email.partition("@")[0],
            email=email,
            password_hash=SECRET,
            role=role,
            active=None if role == "client" else True,
            created_at=gym.utc_now,
            updated_at=gym.utc_now,
        )
    gym.add(
        "settings",
        business_name="Sample Gym",
        sendgrid_api_key=SECRET,
        twilio_account_sid=SECRET,
        twilio_auth_token=SECRET,
    )
    for client_id in list(gym.truth.clients)[:3]:
        gym.add(
            "messages",
            sender_type="client",
            sender_id=client_id,
            content=SECRET,
            created_at=gym.utc_now,
        )
        gym.add(
            "payments",
            client_id=client_id,
            amount=79.0,
            payment_date=gym.utc_now,
            status="completed",
            transaction_id=SECRET,
            notes=SECRET,
            created_at=gym.utc_now,
        )
        gym.add(
            "activity_logs",
            action="create",
            entity_type="client",
            entity_id=client_id,
            created_at=gym.utc_now,
        )
