"""Identity: accounts' statements about themselves, and registrars' judgements of them."""
