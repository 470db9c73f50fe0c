"""Nothing but the host imports libp2p."""

from __future__ import annotations

import subprocess
import sys


def test_nothing_but_the_host_imports_libp2p() -> None:
    modules = ("network", "wire", "peers", "limits", "settings", "mailbox", "peer_records")
    program = (
        "import sys\n"
        + "".join(f"import p2p.{name}\n" for name in modules)
        + "assert not {'libp2p', 'trio', 'multiaddr'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
