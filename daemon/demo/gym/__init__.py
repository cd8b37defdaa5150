"""A sample gym: the main app's database as it really looks, with the truth behind its rows.

The main app checks nothing, stores pounds as kilograms, closes falling goals at their first update
and mixes clocks; the agents have to cope. This package makes such a database, deterministic by
seed and moment, and says what is really so, so that answers can be marked::

    truth = load(dsn, clients=12, seed=1)
    truth.cast["low_back"]                  # a client id
    truth.clients[7].slips                  # readings that do not say what the scale said

:mod:`schema` holds the tables in the three shapes found in the wild, :mod:`truth` what is really
so; :mod:`people`, :mod:`measurements`, :mod:`goals`, :mod:`sessions` and :mod:`workouts` make the
rows, :mod:`generate` puts them together.
"""

from daemon.demo.gym.building import SECRET, Options
from daemon.demo.gym.generate import build, load
from daemon.demo.gym.schema import GymExists, Tables, Variant
from daemon.demo.gym.truth import ClientTruth, GoalTruth, GymTruth, Slip, TrainerTruth, WeightCurve

__all__ = [
    "SECRET",
    "ClientTruth",
    "GoalTruth",
    "GymExists",
    "GymTruth",
    "Options",
    "Slip",
    "Tables",
    "TrainerTruth",
    "Variant",
    "WeightCurve",
    "build",
    "load",
]
