"""Which layer wins, what each may set, and what is refused."""

import logging
import subprocess
from pathlib import Path

import pytest

from vfs.config import Settings, load_settings
from vfs.config.schema import SETTINGS, parse_flag, parse_listen, parse_value
from vfs.config.units import GIB, MIB
from vfs.errors import ConfigError


class World:
    """A repository and a user with their configuration files."""

    def __init__(self, root: Path) -> None:
        self.repo = root / "repo"
        self.user = root / "config" / "vfs" / "config.yaml"
        (self.repo / ".vfs").mkdir(parents=True)
        self.user.parent.mkdir(parents=True)
        self.cache = root / "cache" / "vfs"

    def tracked(self, text: str) -> None:
        (self.repo / ".vfs" / "config.yaml").write_text(text)

    def local(self, text: str) -> None:
        (self.repo / ".vfs" / "local.yaml").write_text(text)

    def git(self, *arguments: str) -> None:
        subprocess.run(["git", "-C", self.repo, *arguments], check=True, capture_output=True)


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("VFS_CACHE_DIR", raising=False)
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")
    return World(tmp_path)


def test_without_files_there_are_defaults(world: World) -> None:
    settings = load_settings(None)
    assert settings.cache_dir == world.cache
    assert settings.memory_limit == 256 * MIB
    assert settings.jobs == 16
    assert settings.cache_limit <= 100 * GIB
    assert settings.min_free >= GIB
    assert settings == load_settings(world.repo)


def test_every_layer_wins_over_the_one_before(world: World) -> None:
    def jobs(**overrides: str) -> int:
        return load_settings(
            world.repo, {k.replace("_", "."): v for k, v in overrides.items()}
        ).jobs

    world.tracked("transfer: {jobs: 2}")
    assert jobs() == 2
    world.user.write_text("transfer: {jobs: 3}")
    assert jobs() == 3
    world.local("transfer: {jobs: 4}")
    assert jobs() == 4
    assert jobs(transfer_jobs="5") == 5


def test_a_layer_keeps_what_the_next_does_not_name(world: World) -> None:
    world.tracked("transfer: {jobs: 2, deadline: 9}")
    world.local("transfer: {jobs: 4}")
    settings = load_settings(world.repo)
    assert (settings.jobs, settings.deadline) == (4, 9.0)


def test_the_environment_names_the_cache_over_files(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.local("cache: {dir: /from/file}")
    assert load_settings(world.repo).cache_dir == Path("/from/file")
    monkeypatch.setenv("VFS_CACHE_DIR", "/from/environment")
    assert load_settings(world.repo).cache_dir == Path("/from/environment")
    assert load_settings(world.repo, {"cache.dir": "/from/command"}).cache_dir == Path(
        "/from/command"
    )
    monkeypatch.setenv("VFS_CACHE_DIR", "relative")
    with pytest.raises(ConfigError, match="VFS_CACHE_DIR=relative: expected an absolute path"):
        load_settings(world.repo)


@pytest.mark.parametrize("setting", [s for s in SETTINGS if s.local], ids=lambda s: s.key)
def test_a_tracked_file_cannot_set_what_belongs_to_the_machine(
    world: World, caplog: pytest.LogCaptureFixture, setting: object
) -> None:
    from vfs.config.schema import Setting

    assert isinstance(setting, Setting)
    section, name = setting.key.split(".")
    value = "/etc" if setting.low is None else str(int(setting.low))
    value = "true" if setting.parse is parse_flag else value
    before = load_settings(world.repo)
    world.tracked(f"{section}:\n  {name}: {value}\n")
    with caplog.at_level(logging.WARNING, "vfs.config"):
        assert load_settings(world.repo) == before
    assert f"config.yaml:2: {setting.key} is ignored" in caplog.text
    world.local(f"{section}:\n  {name}: {value}\n")
    assert load_settings(world.repo) != before


def test_a_local_file_that_git_tracks_is_no_local_file(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    world.git("init", "-q")
    world.local("cache: {dir: /tmp/evil}\ntransfer: {jobs: 7}\n")
    assert load_settings(world.repo).cache_dir == Path("/tmp/evil")
    world.git("add", "-f", ".vfs/local.yaml")
    settings = load_settings(world.repo)
    assert settings.cache_dir == world.cache
    assert settings.jobs == 7
    assert "cache.dir is ignored" in caplog.text


def test_a_hook_s_git_variables_do_not_decide_about_trust(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.git("init", "-q")
    world.local("cache: {dir: /tmp/evil}")
    world.git("add", "-f", ".vfs/local.yaml")
    monkeypatch.setenv("GIT_DIR", "/nowhere")
    monkeypatch.setenv("GIT_INDEX_FILE", "/nowhere/index")
    assert load_settings(world.repo).cache_dir == world.cache


def test_without_a_usable_git_a_local_file_is_not_trusted(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.git("init", "-q")
    world.local("cache: {dir: /tmp/x}")
    monkeypatch.setenv("PATH", "/nowhere")
    assert load_settings(world.repo).cache_dir == world.cache


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("cache: {limt: 1G}", "config.yaml:1: unknown setting 'cache.limt'"),
        ("transfer:\n  jobs: 0\n", "config.yaml:2: transfer.jobs: expected 1 to 256, found '0'"),
        ("transfer: {jobs: many}", "transfer.jobs: expected a whole number, found 'many'"),
        ("mount: {read_ahead: 2TiB}", "mount.read_ahead: expected 0 B to 1.0 GiB"),
        ("cache: {dir: relative/path}", "cache.dir: expected an absolute path"),
        ("transfer: {deadline: ''}", "expected a duration"),
    ],
)
def test_mistakes_name_file_line_and_key(world: World, text: str, part: str) -> None:
    world.user.write_text(text)
    with pytest.raises(ConfigError) as caught:
        load_settings(world.repo)
    assert part in caught.value.message


def test_mistakes_on_the_command_line(world: World) -> None:
    with pytest.raises(ConfigError, match=r"command line: unknown setting 'a\.b'") as caught:
        load_settings(None, {"a.b": "1"})
    assert caught.value.hint is not None
    assert "cache.limit" in caught.value.hint


def test_the_table_fits_the_class() -> None:
    fields = set(Settings.__dataclass_fields__)
    assert {setting.field for setting in SETTINGS} == fields
    assert len({setting.key for setting in SETTINGS}) == len(SETTINGS)


def test_defaults_lie_within_the_bounds(world: World) -> None:
    settings = load_settings(None)
    for setting in SETTINGS:
        value = getattr(settings, setting.field)
        if setting.low is not None and setting.high is not None:
            assert setting.low <= value <= setting.high


def test_bounds_can_be_reached() -> None:
    for setting in SETTINGS:
        if setting.low is not None and setting.high is not None:
            assert parse_value(setting, str(int(setting.low))) == setting.low
            assert parse_value(setting, str(int(setting.high))) == setting.high


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("9464", "127.0.0.1:9464"),
        (":9464", "127.0.0.1:9464"),
        ("0.0.0.0:9464", "0.0.0.0:9464"),
        ("localhost:0", "localhost:0"),
        ("[::1]:9464", "[::1]:9464"),
        ("/run/vfs.sock", "/run/vfs.sock"),
    ],
)
def test_where_metrics_are_given(text: str, address: str) -> None:
    assert parse_listen(text) == address


@pytest.mark.parametrize(
    "text",
    ["host", "host:", "host:99999", "::1:9464", "a b:1", "user@host:1", "http://h:1", "/" + "x" * 200, "x:-1"],
)  # fmt: skip
def test_where_they_cannot_be(text: str) -> None:
    with pytest.raises(ValueError, match="expected"):
        parse_listen(text)


@pytest.mark.parametrize(
    ("text", "value"), [("true", True), ("No", False), ("1", True), ("off", False)]
)
def test_yes_and_no(text: str, value: bool) -> None:
    assert parse_flag(text) is value
    with pytest.raises(ValueError, match="true or false"):
        parse_flag(text + "?")
