"""`.dvc/config`: the INI dialect, layers, relative URLs, chains, and what is not trusted."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vfs.errors import ConfigError, FormatError
from vfs.formats.dvcconfig import (
    DvcConfig,
    Layer,
    RemoteConfig,
    cache_directory,
    default_remote,
    merge_dvc_configs,
    parse_dvc_config,
    remote,
    remotes,
)
from vfs.formats.ini import parse_ini


def layer(text: str, directory: str = "/r/.dvc", trusted: bool = True) -> Layer:
    return Layer(parse_dvc_config(text.encode(), file=f"{directory}/config"), directory, trusted)


def merged(*layers: Layer, home: str = "/home/u") -> DvcConfig:
    return merge_dvc_configs(layers, home=home)[0]


SYSTEM = "[core]\n    remote = sysr\n['remote \"sysr\"']\n    url = rel/path\n"
GLOBAL = """
[remote "Shared"]
    url = ../x
    jobs = 4
    verify = True
[cache]
    dir = gcache
    type = "reflink,hardlink"
"""
REPOSITORY = """
[core]
    remote = Main
    analytics = false
['remote "Main"']
    url = remote://shared/sub/dir
    jobs = 7
['remote "home"']
    url = ~/data
['remote "abs"']
    url = /abs/x/../y
['remote "s3"']
    url = s3://b/p
    version_aware = true
    EndPointURL = http://127.0.0.1:9
['remote "tree"']
    url = s3://b/t
    worktree = true
"""
LOCAL = """
['remote "Main"']
    jobs = 9
['remote "shared"']
    url = ../../remotes/local
[cache]
    dir = ../../c
"""


def test_layers_as_the_real_dvc_resolves_them() -> None:
    """Expected values are those of DVC 3.67.1's `get_fs_config` for the same four files."""
    config = merged(
        layer(SYSTEM, "/sys"),
        layer(GLOBAL, "/glob"),
        layer(REPOSITORY, trusted=False),
        layer(LOCAL),
    )
    assert default_remote(config) == "main"
    assert cache_directory(config, "/r/.dvc/cache") == "/c"
    found = {name: (r.url, dict(r.options)) for name, r in remotes(config).items()}
    assert found == {
        "sysr": ("/sys/rel/path", {}),
        "shared": ("/remotes/local", {"jobs": "4", "verify": "True"}),
        "main": ("/remotes/local/sub/dir", {"jobs": "9", "verify": "True"}),
        "home": ("/home/u/data", {}),
        "abs": ("/abs/x/../y", {}),
        "s3": ("s3://b/p", {"version_aware": "true", "endpointurl": "http://127.0.0.1:9"}),
        "tree": ("s3://b/t", {"worktree": "true"}),
    }
    assert remote(config, "S3").version_aware
    assert not remote(config, "s3").worktree
    assert remote(config, "tree").version_aware
    assert remote(config, "tree").worktree


def test_defaults() -> None:
    assert default_remote({}) is None
    assert cache_directory({}, "/r/.dvc/cache") == "/r/.dvc/cache"
    assert remotes({}) == {}
    unresolved = merge_dvc_configs([layer('[remote "a"]\nurl = ../x', "")])[0]
    assert remote(unresolved, "a").url == "../x"
    assert remote(merged(layer('[remote "a"]\nurl = ~/x'), home=""), "a").url == "~/x"


def test_corpus(corpus: Callable[[str], bytes]) -> None:
    def read(name: str) -> DvcConfig:
        return merged(
            Layer(
                parse_dvc_config(corpus(f"{name}/.dvc/config"), file=name), "/r/.dvc", trusted=False
            )
        )

    started = read("example-get-started")
    assert default_remote(started) == "public-s3"
    assert remote(started, "public-s3").url == "https://remote.dvc.org/get-started"
    assert remote(read("lk-demo-experiment"), "inertial").url == (
        "webdavs://inertial.cci.drexel.edu/vault/dvc/lenskit-demo"
    )
    early = read("dvc-0.x-cnn")
    assert default_remote(early) == "aws"
    assert remote(early, "aws") == RemoteConfig(
        "aws", "s3://dvc-share/cnn_tutorial_cache", {"profile": "default"}
    )
    assert set(remotes(early)) == {"aws"}
    assert remote(read("dvc-0.x-tutorial"), "aws").options == {
        "region": "us-east-1",
        "profile": "default",
    }


def test_broken_remotes() -> None:
    config = merged(layer("[remote \"a\"]\nurl = remote://b/x\n[remote \"b\"]\nurl = remote://a/y\n[remote \"c\"]\njobs = 1"
                          "\n[remote \"d\"]\nurl = remote://gone\n[remote \"e\"]\nurl = /x"))  # fmt: skip
    assert set(remotes(config)) == {"e"}
    for name, message in (
        ("a", "refers to itself"),
        ("c", "has no url"),
        ("d", "no remote 'gone'"),
        ("x", "no remote 'x'"),
    ):
        with pytest.raises(ConfigError, match=message):
            remote(config, name)


def test_secrets_stay_out_of_repr() -> None:
    config = merged(layer('[remote "a"]\nurl = https://u:pw@h/x\npassword = secret'))
    assert "secret" not in repr(remote(config, "a"))
    assert "pw" not in repr(remote(config, "a"))


@pytest.mark.parametrize(
    ("option", "kept"),
    [
        ("configpath = ../aws-config", False),
        ("configpath = aws-config", False),
        ("credentialpath = /r/evil", False),
        ("credentialpath = /r", False),
        ("credentialpath = ~/../../r/evil", False),
        ("credentialpath = /x/../r/evil", False),
        ("credentialpath = //r/./evil", False),
        ("keyfile = x/../../r/id", False),
        ("ssl_verify = ../ca.pem", False),
        ("ssl_verify = /etc/ca.pem", False),
        ("bearer_token_command = touch here", False),
        ("credentialpath = ~/.aws/credentials", True),
        ("keyfile = /etc/keys/id", True),
        ("ssl_verify = false", True),
        ("region = eu", True),
    ],
)
def test_the_repository_may_not_name_credential_files_inside_itself(
    option: str, kept: bool
) -> None:
    text = f"['remote \"a\"']\nurl = s3://b\n{option}\n"
    config, problems = merge_dvc_configs([layer(text, trusted=False)], home="/home/u")
    key = option.split(" ")[0]
    assert (key in remote(config, "a").options) is kept
    assert bool(problems) is not kept
    for problem in problems:
        assert problem.code == "untrusted-option"
        assert key in problem.message
        assert "--local" in problem.hint
    trusted = merge_dvc_configs([layer(text)], home="/home/u")
    assert key in remote(trusted[0], "a").options
    assert trusted[1] == ()


@pytest.mark.parametrize(
    ("text", "sections"),
    [
        ("", {}),
        ("# c\n\n[a]\n  k = v # comment\n", {"a": {"k": "v"}}),
        ("[a] # c\nk=v", {"a": {"k": "v"}}),
        ("[ a ]\n\tk\t=\tv  \r\n", {"a": {"k": "v"}}),
        ("['remote \"x\"']\nurl = s3://b/p", {'remote "x"': {"url": "s3://b/p"}}),
        ('[remote "x"]\nurl = s3://b/p', {'remote "x"': {"url": "s3://b/p"}}),
        ("[a]\nk =\nl = ''\n", {"a": {"k": "", "l": ""}}),
        ('[a]\nk = "x # y, z"  # c\n', {"a": {"k": "x # y, z"}}),
        ('[a]\nk = a, "b c" ,d,\n', {"a": {"k": "a,b c,d"}}),
        ("[a]\n'k x' = 1\n", {"a": {"k x": "1"}}),
        ("[a]\nk = x=y%20z%(q)s\n", {"a": {"k": "x=y%20z%(q)s"}}),
        ("[a]\nk = '''one\ntwo''' # c\nl = \"\"\"x\"\"\"\n", {"a": {"k": "one\ntwo", "l": "x"}}),
        ("[a]\n[[b]]\nk = 1\n[c]\nl = 2", {"a": {"b": {"k": "1"}}, "c": {"l": "2"}}),
        ("\ufeff[a]\nk = ü", {"a": {"k": "ü"}}),
    ],
)
def test_ini(text: str, sections: dict[str, object]) -> None:
    assert parse_ini(text.encode(), file="config") == sections


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("[a]\nk = 1\nk = 2", 3, "option 'k' a second time"),
        ("[a]\n[b]\n[a]", 3, "section 'a' a second time"),
        ("[a]\n[[[b]]]", 2, "nested too deep"),
        ("[a\nk = 1", 1, "no section header"),
        ("[a]]\n", 1, "no section header"),
        ("[]\n", 1, "no section header"),
        ("[a]\nnonsense", 2, "expected `key = value`"),
        ("[a]\nk = 'x", 2, "quote that is not closed"),
        ("[a]\nk = 'x' y", 2, "text behind a quoted value"),
        ("[a]\nk = '''x\ny\nz", 2, "triple quote that is not closed"),
        ("[a]\nk = " + "a," * 10_000, 2, "longer than 16384"),
        ("[a]\nk = '''x''' y", 2, "text behind a quoted value"),
    ],
)
def test_bad_ini(text: str, line: int, message: str) -> None:
    with pytest.raises(FormatError, match=message) as raised:
        parse_ini(text.encode(), file="config")
    assert raised.value.line == line


@pytest.mark.parametrize(
    "line",
    ["password: secret", "password = 'x' secret", "password = 'secret", "= secret", "[secret",
     "password = '''secret"],
)  # fmt: skip
def test_ini_errors_never_repeat_values(line: str) -> None:
    with pytest.raises(FormatError) as raised:
        parse_ini(b"[a]\n" + line.encode(), file="config")
    assert "secret" not in raised.value.message


def test_bad_files() -> None:
    with pytest.raises(FormatError, match="no UTF-8") as raised:
        parse_dvc_config(b"[a]\nk = \xff", file="c")
    assert raised.value.line == 2
    with pytest.raises(FormatError, match="are read"):
        parse_dvc_config(b"#" * (2 << 20), file="c")
    with pytest.raises(FormatError, match="before any section"):
        parse_dvc_config(b"k = v", file="c")
    for twice in (b"[A]\n[a]", b'[\'remote "x"\']\n[remote "X"]', b'[remote]\nx = 1\n[remote "x"]'):
        with pytest.raises(FormatError, match="second time"):
            parse_dvc_config(twice, file="c")


@given(
    st.binary(max_size=60) | st.text(alphabet="[]\"'=#,ab \n\t\\%.", max_size=60).map(str.encode)
)
def test_arbitrary_bytes(data: bytes) -> None:
    for text in (data, b"[core]\n" + data, b"['remote \"a\"']\nurl = " + data):
        try:
            config = parse_dvc_config(text, file="c")
        except FormatError:
            continue
        everything, problems = merge_dvc_configs(
            [Layer(config, "/r/.dvc", trusted=False)], home="/h"
        )
        assert isinstance(remotes(everything), dict)
        assert isinstance(cache_directory(everything, "/d"), str)
        assert default_remote(everything) is None or default_remote(everything)
        assert all(problem.message for problem in problems)


def test_untrusted_paths_may_not_climb_even_if_the_home_is_unknown() -> None:
    text = "['remote \"a\"']\nurl = s3://b\ncredentialpath = ~/../../r/evil\nkeyfile = ~/id\n"
    config, problems = merge_dvc_configs([layer(text, trusted=False)], home="")
    assert remote(config, "a").options == {"keyfile": "~/id"}
    assert len(problems) == 1
