"""`docs/configuration.md` lists exactly the settings there are, with their bounds and defaults."""

from pathlib import Path

import pytest

from vfs.config import Settings
from vfs.config.schema import SETTINGS, Setting
from vfs.config.units import format_size, parse_size

PAGE = (Path(__file__).parents[3] / "docs" / "configuration.md").read_text()


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda setting: setting.key)
def test_a_setting_has_its_row(setting: Setting) -> None:
    (row,) = (line for line in PAGE.splitlines() if line.startswith(f"| `{setting.key}` |"))
    _, _, default, bounds, where, meaning, _ = (cell.strip() for cell in row.split("|"))
    show = format_size if setting.parse is parse_size else str
    if setting.low is not None and setting.high is not None:
        assert bounds == f"{show(int(setting.low))} to {show(int(setting.high))}"
    assert where == ("local" if setting.local else "anywhere")
    assert meaning == setting.summary
    fixed = Settings(Path("/"), 0, 0)
    if setting.field not in ("cache_dir", "cache_limit", "min_free", "remote_default"):
        assert default == show(getattr(fixed, setting.field))


def test_no_other_setting_is_listed() -> None:
    rows = [
        line for line in PAGE.splitlines() if line.startswith("| `") and "." in line.split("`")[1]
    ]
    assert len(rows) == len(SETTINGS)
