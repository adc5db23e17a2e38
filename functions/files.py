"""Which files are kept: PDF, JPEG and PNG, where content, extension and declared type agree."""

from __future__ import annotations

from shared.domain.errors import FileRejected

KINDS = {
    "application/pdf": (b"%PDF-", (".pdf",)),
    "image/jpeg": (b"\xff\xd8\xff", (".jpg", ".jpeg")),
    "image/png": (b"\x89PNG\r\n\x1a\n", (".png",)),
}
SUFFIXES = {"application/pdf": ".pdf", "image/jpeg": ".jpg", "image/png": ".png"}


def checked(pointer: str, name: str, declared: str, content: bytes) -> tuple[bytes, str]:
    """The content and its type, or `FileRejected` with a code: empty, or type."""
    if not content:
        raise FileRejected(pointer, "empty")
    declared = declared.split(";")[0].strip().lower()
    magic, endings = KINDS.get(declared, (b"", ()))
    if not endings or not content.startswith(magic) or not name.lower().endswith(endings):
        raise FileRejected(pointer, "type")
    return content, declared
