"""The programs of facilities, patients and auditors: vouchers and evidence outside of the chain."""
