"""Upgrade: changes of the runtime version at a scheduled slot."""
