"""The libp2p host. Import this package only when networking starts: the import takes a second."""

from p2p.host.deferred import defer

defer("requests", "httpx")
