"""Health records off the chain: an encrypted vault, consents, accesses, and a custodian.

The chain holds roots of salted hashes and nothing else; the pallet is HealthRecords. Packages of
FHIR and of its validation are imported in `btt_chain.records.fhir.validation` alone, when a
resource is validated: they are the extra `[records]`. The node imports nothing of this package.
"""
