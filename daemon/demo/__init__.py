"""What `python -m daemon demo` plays with: a sample gym and a model server of its own."""
