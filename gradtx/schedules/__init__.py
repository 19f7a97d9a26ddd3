"""Schedules: from the count of updates to a number."""
__all__=[]
