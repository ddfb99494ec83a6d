"""Archives of arrays: exact contents, and refusal of what is damaged or takes too much memory."""

import io
import resource
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nmt.utils.array_files import read_array_file


def write(path: Path, name: str, content: bytes) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, content)
    return path


def header(shape: str, dtype: str = "<f4") -> bytes:
    text = f"{{'descr': '{dtype}', 'fortran_order': False, 'shape': {shape}}}".ljust(117) + "\n"
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text.encode()


def test_arrays_are_read_as_written(tmp_path: Path) -> None:
    arrays = {"a": np.arange(6, dtype=np.uint16).reshape(2, 3), "b": np.array(3.5), "c": np.zeros((0, 4), np.int8)}
    np.savez_compressed(tmp_path / "x.npz", **arrays)  # type: ignore[arg-type]
    found = read_array_file(tmp_path / "x.npz")
    assert found.keys() == arrays.keys()
    for name, array in arrays.items():
        assert found[name].dtype == array.dtype
        np.testing.assert_array_equal(found[name], array)


@pytest.mark.parametrize(
    "content",
    [
        header("(1000000000000,)"),
        header("(1 << 40,)"),
        header("(4000000000,)") + b"\0" * 100,
        header("(" * 500 + ")" * 500),
        header("(3,)", "|O") + b"cos\nsystem\n",
        header("(-1,)"),
        b"\x93NUMPY\x09\x00",
        b"",
    ],
    ids=["4 TB", "expression", "16 GB", "deep", "object", "negative", "version", "empty"],
)
def test_damaged_headers_are_refused(content: bytes, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"."):
        read_array_file(write(tmp_path / "x.npz", "a.npy", content))


def test_an_archive_that_unpacks_to_gigabytes_is_refused_before_it_is_unpacked(tmp_path: Path) -> None:
    path = tmp_path / "x.npz"
    with (
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open("a.npy", "w", force_zip64=True) as file,
    ):
        file.write(header("(150000000,)"))
        for _ in range(60):
            file.write(bytes(10_000_000))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(ValueError, match="too large"):
        read_array_file(path)
    # An archive whose directory states a smaller size than the member has.
    content = bytearray(path.read_bytes())
    end = content.rindex(b"PK\x01\x02")
    content[end + 24 : end + 28] = (1000).to_bytes(4, "little")
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"."):
        read_array_file(path)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000  # kilobytes


_WHOLE = io.BytesIO()
np.savez_compressed(_WHOLE, a=np.arange(50), b=np.ones((3, 4), np.float32))


@given(st.data())
def test_changed_bytes_raise_only_value_errors(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    content = bytearray(_WHOLE.getvalue())
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path_factory.getbasetemp() / "changed.npz"
    path.write_bytes(content[: data.draw(st.integers(len(content) // 2, len(content)))])
    try:
        read_array_file(path)
    except ValueError:
        return
