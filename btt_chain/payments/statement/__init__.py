"""Statements of a merchant: settled payments and refunds, as ISO 20022 camt.053 and as CSV."""
