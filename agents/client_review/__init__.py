"""The client review: progress, a plan adapted to it, and times for its sessions, in one answer."""
