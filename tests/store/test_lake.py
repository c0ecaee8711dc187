"""Landed files: byte for byte, checked when read, never half there."""

from __future__ import annotations

from pathlib import Path
from uuid import uuid4

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync_engine.errors import LandedFileDamaged, StoreError
from sync_engine.lake import Lake
from sync_engine.records import RawRecord

RUN = uuid4()


def _raw(key: str, payload: bytes) -> RawRecord:
    return RawRecord(key, payload, None)


def test_records_come_back_byte_for_byte(tmp_path: Path) -> None:
    """White space, odd numbers and the order of members survive, since a hash was taken of these bytes."""
    lake = Lake(str(tmp_path))
    payloads = [b'{"a": 1.10,  "b":"\\u00e6"}', '{"name":"HANSEN & SØN"}'.encode(), b"{}"]
    landed = lake.write("bc", "customers", RUN, 0, [_raw(f"k{i}", p) for i, p in enumerate(payloads)])
    assert [payload for _, payload in lake.read(landed.path, landed.checksum)] == payloads
    assert (landed.records, landed.path) == (3, f"bc/customers/{RUN}/000000.ndjson.zst")


def test_a_payload_over_several_lines_becomes_one(tmp_path: Path) -> None:
    """A pretty-printed record must not break the line it is stored on."""
    lake = Lake(str(tmp_path))
    landed = lake.write(
        "bc", "customers", RUN, 0, [_raw("k", b'{\r\n  "a": "x\\ny",\n  "b": [1,\n 2]\n}'), _raw("l", b"{}")]
    )
    (one, two) = lake.read(landed.path, landed.checksum)
    assert msgspec.json.decode(one[1]) == {"a": "x\ny", "b": [1, 2]}
    assert two == ("l", b"{}")


@given(
    st.dictionaries(
        st.text(min_size=1),
        st.dictionaries(st.text(), st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text()),
    )
)
def test_any_key_and_any_record(
    tmp_path_factory: pytest.TempPathFactory, records: dict[str, dict[str, object]]
) -> None:
    """Keys with quotes, line breaks, separators of lines and NULs."""
    lake = Lake(str(tmp_path_factory.mktemp("lake")))
    given_ones = [(key, msgspec.json.encode(value)) for key, value in records.items()]
    landed = lake.write("bc", "x", RUN, 1, [_raw(*pair) for pair in given_ones])
    assert lake.read(landed.path, landed.checksum) == given_ones


def test_a_damaged_file_is_not_believed(tmp_path: Path) -> None:
    """One flipped bit is told, with what to do about it."""
    lake = Lake(str(tmp_path))
    landed = lake.write("bc", "customers", RUN, 0, [_raw("k", b"{}")])
    file = tmp_path / landed.path
    body = bytearray(file.read_bytes())
    body[-1] ^= 1
    file.write_bytes(bytes(body))
    for checksum in (landed.checksum, None):
        with pytest.raises(
            LandedFileDamaged, match="the landed file does not hold what was landed"
        ) as failure:
            lake.read(landed.path, checksum)
        assert "lake verify" in failure.value.todo


def test_a_missing_file_names_itself(tmp_path: Path) -> None:
    """Somebody tidied the lake: which file, and what to do."""
    with pytest.raises(StoreError, match=r"bc/customers/gone\.ndjson\.zst: the landed file is missing"):
        Lake(str(tmp_path)).read("bc/customers/gone.ndjson.zst")


def test_what_was_being_written_is_no_file_of_the_lake(tmp_path: Path) -> None:
    """A writer that died leaves at most a draft beside the files, which nobody reads."""
    lake = Lake(str(tmp_path))
    landed = lake.write("bc", "customers", RUN, 0, [_raw("k", b"{}")])
    (tmp_path / landed.path).with_suffix(".part").write_bytes(b"half")
    assert lake.read(landed.path, landed.checksum) == [("k", b"{}")]
