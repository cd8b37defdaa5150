"""Measures the service and its database, each minute and on request."""
