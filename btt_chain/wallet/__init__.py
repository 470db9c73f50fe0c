"""Named accounts of a person, a file each: keys encrypted in polkadot.js's format, and addresses.

`store` has the folder, `entries` one account, `keyfile` the encryption, `names` the rules of names.
Nothing here depends on a chain or a network.
"""
