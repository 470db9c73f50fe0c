"""HealthRecords: roots of health records, consents and accesses, and their custodians."""
