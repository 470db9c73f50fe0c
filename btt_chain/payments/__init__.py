"""Payments: invoices, payment URIs, EMV QR codes, card vouchers and webhooks.

Pure functions, without a network or a chain: wallets, tills and the command line use them.
"""
