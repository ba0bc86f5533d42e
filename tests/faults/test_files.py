"""Files of visitors, when server and page are killed during uploads. `soak/files.py` does the same for longer."""

from pathlib import Path

from soak.files import upload_under_kills


async def test_each_file_once_or_not_at_all(tmp_path: Path) -> None:
    """Each message has its file once, and no other file remains after an hour."""
    counts = await upload_under_kills(tmp_path, uploads=10, every_s=1.0, seed=1)
    assert counts["kills"] > 0
    assert counts["page kills"] > 0
