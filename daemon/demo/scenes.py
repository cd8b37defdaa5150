"""What the demo asks, in the main app's words: plain SQL, from a connection of its own."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

Json = Any


@dataclass(frozen=True, slots=True)
class Scene:
    """One request. expect: the status it must end with; title: what it shows, for people."""

    title: str
    task_type: str
    input_data: Json
    expect: Literal["completed", "failed"] = "completed"

    @property
    def sql(self) -> str:
        """The statement as a main app would write it, for showing."""
        return (
            "INSERT INTO ai_requests (task_type, input_data)\n"
            f"VALUES ('{self.task_type}', '{json.dumps(self.input_data)}') RETURNING id;\n"
            "NOTIFY ai_requests;"
        )


FLAWED_VIEW = """\
from flask import Blueprint, request
from models import Client, db

clients = Blueprint("clients", __name__)


@clients.route("/api/clients/search")
def search_clients():
    name = request.args.get("name")
    rows = db.session.execute(f"SELECT * FROM clients WHERE name = '{name}'")
    return {"clients": [dict(row) for row in rows]}


@clients.route("/api/clients/<int:client_id>")
def one_client(client_id):
    try:
        return Client.query.get_or_404(client_id).to_dict()
    except Exception as error:
        return {"error": str(error)}, 500
"""


def scenes(cast: Mapping[str, int]) -> list[Scene]:
    """The demo's requests. cast: the sample gym's named clients, name to client id."""
    workout = "workout_optimization"
    return [
        Scene(
            "Exercises for a client with chronic low back pain",
            workout,
            {"client_id": cast["low_back"], "goals": ["muscle_gain"], "fitness_level": "beginner"},
        ),
        Scene(
            "Eight weeks at home with dumbbells, three days of 45 minutes",
            workout,
            {
                "client_id": cast["healthy_dumbbells"],
                "duration_weeks": 8,
                "focus_areas": ["legs", "back"],
                "equipment": ["dumbbells", "bench"],
                "sessions_per_week": 3,
                "time_per_session": 45,
            },
        ),
        Scene(
            "Four weeks for bad knees and high blood pressure",
            workout,
            {
                "client_id": cast["knee_hypertension"],
                "duration_weeks": 4,
                "goals": ["weight_loss"],
                "equipment": ["gym"],
                "sessions_per_week": 3,
                "time_per_session": 60,
            },
        ),
        Scene(
            "Exercises during pregnancy",
            workout,
            {"client_id": cast["pregnant"], "goals": ["general"], "equipment": ["dumbbells"]},
        ),
        Scene(
            "A client whose notes mention chest pain",
            workout,
            {"client_id": cast["chest_pain"], "duration_weeks": 4, "goals": ["strength"]},
        ),
        Scene(
            "A wish that cannot be met in full: six days of 20 minutes",
            workout,
            {
                "client_id": cast["healthy_dumbbells"],
                "duration_weeks": 1,
                "sessions_per_week": 6,
                "time_per_session": 20,
                "equipment": ["none"],
            },
        ),
        Scene(
            "A client of whom nothing is known",
            workout,
            {"client_id": cast["no_data"], "goals": ["general"]},
        ),
        Scene(
            "When a goal will be reached, and how surely",
            "progress_monitoring",
            {"client_id": cast["pounds_as_kg"]},
        ),
        Scene(
            "Times at which a client most likely comes",
            "scheduling",
            {"client_id": cast["low_back"], "preferred_times": ["weekday evenings"]},
        ),
        Scene(
            "A whole review: progress, an adapted plan, times for it",
            "client_review",
            {"client_id": cast["low_back"], "duration_weeks": 4},
        ),
        Scene(
            "A piece of the main app's code",
            "code_analysis",
            {"code": FLAWED_VIEW, "file_path": "api/clients.py"},
        ),
        Scene("How the database and the service are", "health_check", {}),
        Scene(
            "A mistake in a field",
            workout,
            {"client_id": "1; drop table", "time_per_session": 500},
            expect="failed",
        ),
        Scene("A type nobody answers", "workout", {"client_id": 1}, expect="failed"),
    ]
