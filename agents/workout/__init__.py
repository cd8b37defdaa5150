"""Workout plans: a catalogue of exercises, the rules of safety, and what builds on both."""
