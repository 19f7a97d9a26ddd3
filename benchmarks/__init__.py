"""Measurements that are not tests: what they print depends on the machine."""
