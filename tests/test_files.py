"""A file appears whole or not at all: after a failure the old one is there, and nothing else."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cxlib.errors import SettingsError
from cxlib.files import replaced

MOVE = "Name a folder that is there and that you may write to."


@pytest.fixture
def old(tmp_path: Path) -> Path:
    path = tmp_path / "out" / "page.html"
    path.parent.mkdir()
    path.write_text("old", encoding="utf-8")
    return path


def write(path: Path, text: str = "new", error: BaseException | None = None) -> None:
    with replaced(path) as part:
        part.write_text(text, encoding="utf-8")
        if error is not None:
            raise error


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_what_was_written_takes_the_place_of_the_old(old: Path) -> None:
    write(old)
    assert old.read_text(encoding="utf-8") == "new"
    assert names(old.parent) == ["page.html"]


def test_a_file_that_was_not_there_is_there(tmp_path: Path) -> None:
    write(tmp_path / "new.html")
    assert names(tmp_path) == ["new.html"]


def test_until_it_is_whole_a_reader_meets_the_old_one(old: Path) -> None:
    with replaced(old) as part, part.open("w", encoding="utf-8") as handle:
        handle.write("half")
        handle.flush()
        assert old.read_text(encoding="utf-8") == "old"
    assert old.read_text(encoding="utf-8") == "half"


def test_the_part_lies_hidden_beside_its_place_so_that_one_rename_is_enough(old: Path) -> None:
    with replaced(old) as part:
        assert part.parent == old.parent
        assert part.name.startswith(".page.html.")
        assert str(os.getpid()) in part.name
        assert not part.exists()
        part.touch()


@pytest.mark.parametrize("error", [ValueError("bad row"), KeyboardInterrupt(), SystemExit(3)])
def test_an_exception_inside_leaves_the_old_file_and_no_part(error: BaseException, old: Path) -> None:
    with pytest.raises(type(error)) as caught:
        write(old, "half", error)
    assert caught.value is error
    assert old.read_text(encoding="utf-8") == "old"
    assert names(old.parent) == ["page.html"]


def test_an_exception_before_there_was_a_file_leaves_none(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="bad row"):
        write(tmp_path / "new.html", "half", ValueError("bad row"))
    assert names(tmp_path) == []


def test_a_full_disk_is_a_known_error_and_leaves_the_old_file(old: Path) -> None:
    with pytest.raises(SettingsError) as caught:
        write(old, "half", OSError(errno.ENOSPC, "No space left on device"))
    assert str(caught.value) == f"cannot write page.html in out: No space left on device\n{MOVE}"
    assert old.read_text(encoding="utf-8") == "old"
    assert names(old.parent) == ["page.html"]


def test_nothing_written_is_a_known_error_and_leaves_the_old_file(old: Path) -> None:
    with pytest.raises(SettingsError, match=r"^cannot write page\.html in out: No such file"), replaced(old):
        pass
    assert old.read_text(encoding="utf-8") == "old"


def test_a_missing_folder_is_a_known_error_with_the_next_move(tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as caught:
        write(tmp_path / "nowhere" / "a.html")
    assert str(caught.value) == f"cannot write a.html in nowhere: No such file or directory\n{MOVE}"
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__
    assert names(tmp_path) == []


def test_a_folder_that_is_a_file_is_a_known_error(old: Path) -> None:
    with pytest.raises(SettingsError) as caught:
        write(old / "a.html")
    assert str(caught.value) == f"cannot write a.html in page.html: Not a directory\n{MOVE}"
    assert old.read_text(encoding="utf-8") == "old"


def test_a_folder_in_its_place_is_a_known_error_and_stays(tmp_path: Path) -> None:
    (tmp_path / "taken").mkdir()
    with pytest.raises(SettingsError, match=r"^cannot write taken in .*: Is a directory"):
        write(tmp_path / "taken")
    assert names(tmp_path) == ["taken"]


def test_a_name_that_is_too_long_is_a_known_error(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"File name too long\nName a folder"):
        write(tmp_path / ("a" * 250))
    assert names(tmp_path) == []


def test_a_file_beside_the_command_is_said_to_be_in_this_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "taken").mkdir()
    with pytest.raises(SettingsError, match=r"^cannot write taken in \.: "):
        write(Path("taken"))


@given(st.lists(st.tuples(st.binary(max_size=20), st.booleans()), max_size=8))
def test_a_file_always_holds_the_last_that_was_written_whole(
    tmp_path_factory: pytest.TempPathFactory, writes: list[tuple[bytes, bool]]
) -> None:
    path = tmp_path_factory.mktemp("law") / "a"
    whole: bytes | None = None
    for content, fails in writes:
        try:
            with replaced(path) as part:
                part.write_bytes(content)
                if fails:
                    raise ArithmeticError
            whole = content
        except ArithmeticError:
            pass
        assert (path.read_bytes() if path.exists() else None) == whole
        assert names(path.parent) == (["a"] if whole is not None else [])
