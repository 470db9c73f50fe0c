"""Signing in the browser: the server prepares and sends, a wallet signs, the page shows the bytes.

actions    the calls that pages offer, from the fields of their forms
sentences  a call in words, the same as `static/sign.js` makes of the bytes
payload    what a wallet signs, its signature, the extrinsic
seal       prepared payloads come back unchanged, from the same session, once
driver     what the node is asked, and the course of a sent transaction
routes     the addresses below /tx/
"""
