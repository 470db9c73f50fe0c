"""Offences: breaches of the rules by validators, and their penalties."""
