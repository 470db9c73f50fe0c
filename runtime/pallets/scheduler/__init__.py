"""Scheduler: calls dispatched at a later time."""
