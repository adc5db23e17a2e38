"""What Microsoft Defender for Storage tells through Event Grid, in the words that a scanner uses in its webhook."""

from __future__ import annotations

from typing import Any

from shared.adapters.blobs import EXPORTS

RESULT_EVENT = "Microsoft.Security.MalwareScanningResult"
RESULTS = {"No threats found": "clean", "Malicious": "malicious"}
"""Every other result (an error, not scanned because a cap was reached) says nothing about the file."""


def scan_told(event_type: str, data: Any, evidence_url: str) -> dict[str, Any] | None:
    """The `document.scanned` that an event amounts to; None if it says nothing about a file of ours.

    `evidence_url` is the address of the container, with a slash at its end.
    """
    if event_type != RESULT_EVENT or not isinstance(data, dict):
        return None
    address, etag, result = (data.get(name) for name in ("blobUri", "eTag", "scanResultType"))
    if not isinstance(address, str) or not address.startswith(evidence_url) or result not in RESULTS:
        return None
    blob = address.removeprefix(evidence_url)
    return {
        "type": "document.scanned",
        "data": {"blob": blob, "etag": etag and str(etag).strip('"'), "result": RESULTS[result]},
    }


def is_our_own(data: Any, evidence_url: str) -> bool:
    """Whether an event is about a file that the app itself wrote: nothing waits for what was found in it."""
    return isinstance(data, dict) and str(data.get("blobUri", "")).startswith(evidence_url + EXPORTS)
