"""The pages of docs/reference that the binary writes are those it would write now."""

from conftest import ROOT, Run


def test_the_settings_page_is_of_this_binary(succeed: Run) -> None:
    page = ROOT / "docs/reference/config.md"
    written = succeed("--settings-reference").stdout
    assert page.read_text() == written, (
        "run: build/release/weir --settings-reference > docs/reference/config.md, "
        ".venv/bin/python deploy/helm/schema.py > deploy/helm/weir/values.schema.json"
    )
