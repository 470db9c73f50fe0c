"""Receipts: commitments of providers to computed results, and their verification."""
