"""Measurements, which are not tests: their results depend on the machine."""
