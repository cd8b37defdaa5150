"""The answer: numbers from the plan, words from templates or from a model.

``models.py`` is the JSON's shape, ``compose.py`` puts it together from ``workouts.py`` (weeks and
cards) and ``sentences.py`` (the words that are always there). ``model_words.py`` is the one
question to the model and the sieve for what it says, ``vocabulary.py`` the words it may use;
``typed_row.py`` is the answer for SQL.
"""
