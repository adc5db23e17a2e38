"""Which files are kept: PDF, JPEG and PNG, where content, declared type and name do not contradict each other."""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING
from urllib.parse import quote

from shared.domain.errors import FileRejected
from shared.use_cases.documents import Upload

if TYPE_CHECKING:
    from shared.bootstrap import Services

KINDS = {
    "application/pdf": (b"%PDF-", (".pdf",)),
    "image/jpeg": (b"\xff\xd8\xff", (".jpg", ".jpeg", ".jpe", ".jfif")),
    "image/png": (b"\x89PNG\r\n\x1a\n", (".png",)),
}
ENDINGS = tuple(ending for _, endings in KINDS.values() for ending in endings)
NAME_MAX = 120


async def examined(services: Services, pointer: str, name: str, declared: str, content: bytes) -> Upload:
    """The upload, looked at, or `FileRejected` with a code.

    A name decides nothing by itself (it is not what the file is stored under), but one that claims another of the
    three kinds is a contradiction.
    """
    if not content:
        raise FileRejected(pointer, "empty")
    declared = declared.split(";")[0].strip().lower()
    magic, endings = KINDS.get(declared, (b"", ()))
    claimed = [ending for ending in ENDINGS if name.lower().endswith(ending)]
    if not endings or not content.startswith(magic) or (claimed and claimed[0] not in endings):
        raise FileRejected(pointer, "type")
    copy = await services.documents.examined(pointer, content, declared)
    return Upload(content, declared, copy, cleaned(name, endings))


def cleaned(name: str, endings: tuple[str, ...]) -> str:
    """The name to show: the last part of the path, visible characters only, and the ending that the content has."""
    last = re.split(r"[/\\]", unicodedata.normalize("NFC", name))[-1]
    visible = "".join(each for each in last if unicodedata.category(each)[0] != "C").strip(" .")
    stem = visible.removesuffix(next((each for each in endings if visible.lower().endswith(each)), ""))
    return (stem[: NAME_MAX - 5].strip() or "document") + endings[0]


def disposition(name: str, content_type: str) -> str:
    """An attachment by its name (RFC 6266): plain for old readers, in full for the others."""
    ending = KINDS[content_type][1][0]
    full = name if name.endswith(ending) else name + ending
    letters = "".join(each for each in unicodedata.normalize("NFKD", full) if not unicodedata.combining(each))
    plain = re.sub(r"[^A-Za-z0-9._-]", "_", letters)
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(full, safe='')}"
