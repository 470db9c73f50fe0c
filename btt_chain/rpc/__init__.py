"""JSON-RPC: the face that wallets, explorers and scripts talk to.

`server.RpcServer` answers HTTP POST and WebSocket on one port; `api.build_registry` lists every
method; `backend.Backend` is what a node must offer for them. Shapes and texts are Substrate's.
"""
