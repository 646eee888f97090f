"""The emulator of AWS that tests run against: ministack, in a Python environment of its own (make .tools/emulator/stamp)."""

from __future__ import annotations

import socket
from pathlib import Path

MINISTACK = Path(__file__).resolve().parents[1] / ".tools/emulator/bin/ministack"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def environment(port: int) -> dict[str, str]:
    """Untold it listens on every interface, and for SFTP and MQTT it does so even then."""
    return {"BIND_HOST": "127.0.0.1", "GATEWAY_PORT": str(port), "SFTP_ENABLED": "0", "IOT_MTLS_ENABLED": "0"}
