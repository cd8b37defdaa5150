"""The commands of ``python -m daemon``, a module each."""
