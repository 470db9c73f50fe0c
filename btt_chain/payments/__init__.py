"""Payments: invoices, payment URIs, EMV QR codes, statements and webhooks.

Wallets, tills and the command line use them. Formats and decisions are pure functions, without a
network or a chain; only `delivery.journal` writes to a disk, and `delivery.transport` connects.
"""
