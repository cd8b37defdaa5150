"""The HTTP side: health, readiness and metrics, always open and answered from memory."""
