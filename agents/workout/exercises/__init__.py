"""The exercises there are.

``exercise.py`` says what is known about one, ``catalogue.py`` reads the ``*.toml`` files,
``app_exercises.py`` joins them with the main app's own library.
"""
