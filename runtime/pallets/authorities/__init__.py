"""Authorities: selection of the validators, which make and finalize blocks, by bonded stake."""
