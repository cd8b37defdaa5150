"""Helpers of the test suite: real servers, real faults, and waiting without sleeping."""
