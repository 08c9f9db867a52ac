"""Bad input gives one clear error and exit code, and leaves nothing half-written behind."""

import gzip
import os
import shutil
import subprocess
from pathlib import Path

import pytest
from conftest import BINARY, Run

HEADER = (
    "# tranaction_id | tx_datetime | customer_id | terminal_id | tx_amount | tx_time_seconds"
    " | tx_time_days | tx_fraud | tx_fraud_scenario\n"
)
ROW = "{},2019-08-22 11:32:42,10,663,40.71,41562,0,0,0\n"


def refuse(weir: Run, out: Path, *arguments: object, code: int = 1) -> str:
    """Run `weir … --out OUT`, which must fail with `code` and write nothing; give its stderr."""
    before = sorted(out.parent.iterdir())
    done = weir(*arguments, "--out", out)
    assert done.returncode == code, done.stdout + done.stderr
    assert done.stderr.count("weir: ") == 1, done.stderr
    assert sorted(out.parent.iterdir()) == before
    return done.stderr


def test_a_missing_file_is_named(weir: Run, tmp_path: Path) -> None:
    assert "none.txt" in refuse(weir, tmp_path / "lake", "clean", tmp_path / "none.txt")


def test_an_empty_file_is_an_error(weir: Run, tmp_path: Path) -> None:
    (tmp_path / "empty.txt").touch()
    assert "empty.txt" in refuse(weir, tmp_path / "lake", "clean", tmp_path / "empty.txt")


def test_a_wrong_header_says_what_is_missing(weir: Run, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("id,when,who\n1,2,3\n")
    text = refuse(weir, tmp_path / "lake", "clean", tmp_path / "a.csv")
    assert "a.csv" in text
    assert "transaction_id" in text


@pytest.mark.parametrize("suffix", [".zst", ".gz"])
def test_a_truncated_archive_is_an_error(weir: Run, tmp_path: Path, suffix: str) -> None:
    plain = tmp_path / "a.txt"
    plain.write_text(HEADER + "".join(ROW.format(number) for number in range(20_000)))
    packed = tmp_path / f"a.txt{suffix}"
    if suffix == ".gz":
        packed.write_bytes(gzip.compress(plain.read_bytes()))
    else:
        subprocess.run(["zstd", "-q", plain, "-o", packed], check=True)
    packed.write_bytes(packed.read_bytes()[: packed.stat().st_size // 2])
    assert packed.name in refuse(weir, tmp_path / "lake", "clean", packed)


def test_binary_junk_is_an_error(weir: Run, tmp_path: Path) -> None:
    (tmp_path / "junk.txt").write_bytes(bytes(range(256)) * 4000)
    assert "junk.txt" in refuse(weir, tmp_path / "lake", "clean", tmp_path / "junk.txt")


def test_a_line_of_10_megabytes_is_one_rejected_row(succeed: Run, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text(
        HEADER + ROW.format(1) + "9" * 10_000_000 + "\n" + ROW.format(2)
    )
    done = succeed("clean", tmp_path / "a.txt", "--out", tmp_path / "lake")
    assert "line_too_long" in done.stdout


def test_crlf_and_a_byte_order_mark_change_nothing(succeed: Run, tmp_path: Path) -> None:
    text = HEADER + "".join(ROW.format(number) for number in range(100))
    (tmp_path / "unix.txt").write_text(text)
    (tmp_path / "dos.txt").write_bytes(b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode())
    lakes = []
    for name in ("unix", "dos"):
        succeed("clean", tmp_path / f"{name}.txt", "--out", tmp_path / name)
        files = sorted((tmp_path / name / "clean").rglob("*.parquet"))
        lakes.append([path.read_bytes() for path in files])
    assert lakes[0] == lakes[1]


def test_no_fraud_in_the_training_period(weir: Run, succeed: Run, tmp_path: Path) -> None:
    rows = "".join(
        f"{day * 100 + i},2019-08-{day + 1:02} 11:00:{i:02},{i},3,10.00,"
        f"{day * 86400 + 39600 + i},{day},0,0\n"
        for day in range(30)
        for i in range(50)
    )
    (tmp_path / "a.txt").write_text(HEADER + rows)
    succeed("clean", tmp_path / "a.txt", "--out", tmp_path / "lake")
    succeed("features", tmp_path / "lake", "--out", tmp_path / "features.parquet")
    text = refuse(weir, tmp_path / "bundle", "train", tmp_path / "features.parquet")
    assert "fraud" in text


def test_an_unknown_word_in_a_spec_names_the_nearest(weir: Run, lake: Path, tmp_path: Path) -> None:
    spec = tmp_path / "spec.toml"
    spec.write_text(
        'name = "x"\ninput = [{ key = "custmer", aggregate = "count", window = "1d" }]\n'
    )
    text = refuse(weir, tmp_path / "f.parquet", "features", lake, "--spec", spec)
    assert "custmer" in text
    assert "customer" in text


def test_a_damaged_bundle_is_refused(weir: Run, bundle: Path, lake: Path, tmp_path: Path) -> None:
    damaged = tmp_path / "bundle"
    shutil.copytree(bundle, damaged)
    forest = damaged / "forest.ubj"
    content = bytearray(forest.read_bytes())
    content[len(content) // 2] ^= 1
    forest.write_bytes(bytes(content))
    text = refuse(weir, tmp_path / "out", "evaluate", damaged, lake)
    assert "forest.ubj" in text


def test_a_full_disk_is_an_error(weir: Run, simulated: Path, tmp_path: Path) -> None:
    small = tmp_path / "small"
    small.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", small], capture_output=True
    )
    if mounted.returncode != 0:
        pytest.skip("needs the right to mount a small tmpfs")
    try:
        done = weir("clean", simulated / "raw", "--out", small / "lake", timeout=120)
        assert done.returncode == 1
        assert "No space left" in done.stderr
        assert list(small.iterdir()) == []
    finally:
        subprocess.run(["umount", small], check=True)


def test_the_output_may_not_be_a_strangers_folder(
    weir: Run, simulated: Path, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    (home / "clean").mkdir(parents=True)
    (home / "clean" / "thesis.txt").write_text("x")
    done = weir("clean", simulated / "raw", "--out", home)
    assert done.returncode == 1
    assert (home / "clean" / "thesis.txt").read_text() == "x"


def test_a_closed_pipe_is_no_crash() -> None:
    command = f"{BINARY} --help | head -1"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, env=os.environ)
    assert done.returncode == 0
    assert "core dumped" not in done.stderr
