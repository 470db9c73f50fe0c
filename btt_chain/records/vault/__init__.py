"""The vault: a folder of encrypted records, with wrapped keys and an encrypted index."""
