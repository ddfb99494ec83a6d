"""Reading of NumPy archives (``.npz``) that may be damaged or harmful."""

from __future__ import annotations

import io
import zipfile
import zlib
from pathlib import Path

import numpy as np

from nmt.utils.arrays import AnyArray

_MAX_BYTES = 100_000_000  # of all arrays; the largest shortlist known has a tenth


def read_array_file(path: Path) -> dict[str, AnyArray]:
    """Return the arrays of a NumPy archive by name. Nothing is unpickled.

    Raises:
        ValueError: The file can't be read, is damaged, or would take more than 100 MB of memory.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
            # The archive may be compressed a thousandfold. No more than the size in its directory is unpacked.
            if sum(member.file_size for member in members) > _MAX_BYTES:
                raise ValueError("the arrays are too large")
            return {member.filename.removesuffix(".npy"): _read_array(archive, member) for member in members}
    except (OSError, EOFError, KeyError, TypeError, MemoryError, NotImplementedError, RuntimeError,
            SyntaxError, RecursionError, zipfile.BadZipFile, zlib.error) as error:  # fmt: skip
        raise ValueError(f"not an archive of arrays ({error})") from None


def _read_array(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> AnyArray:
    with archive.open(member) as file:
        content = file.read(member.file_size)  # without a size it would unpack all, even if the stated size is smaller
    # A header may state a size that the content does not have, for which NumPy tries to allocate memory.
    array: AnyArray = np.lib.format.read_array(io.BytesIO(content), allow_pickle=False)
    return array
