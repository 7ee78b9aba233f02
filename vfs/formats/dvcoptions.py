"""The options that DVC's configuration knows: one it does not know makes every `dvc` command of a repository fail.

Source: `config_schema.py` of DVC 3.67, checked against it by a test.

Invariant: pure; raises nothing but `ConfigError`. A value is named in a message only where it cannot be a secret.
"""

import difflib
import re
from collections.abc import Callable, Mapping

from vfs.errors import ConfigError
from vfs.formats.fields import clip

Check = Callable[[str], str]
"""What was expected, "" if the value is fine."""


def _text(value: str) -> str:
    return ""


def _flag(value: str) -> str:
    return "" if value.lower() in ("true", "false") else "true or false"


def _count(value: str) -> str:
    return "" if value.strip().isdecimal() and int(value) > 0 else "a whole number of at least 1"


def _whole(value: str) -> str:
    return "" if re.fullmatch(r"\s*[+-]?\d+\s*", value) else "a whole number"


def _number(value: str) -> str:
    try:
        return "" if float(value) >= 0 else "a number that is not negative"
    except ValueError:
        return "a number"


def _one_of(*choices: str) -> Check:
    return lambda value: "" if value.lower() in choices else "one of " + ", ".join(choices)


def _links(value: str) -> str:
    known = {"reflink", "hardlink", "symlink", "copy"}
    return (
        ""
        if {v.strip() for v in value.split(",")} <= known
        else "some of reflink, hardlink, symlink, copy"
    )


def _never(value: str) -> str:
    return "nothing: DVC refuses every text here"


def _table(**checks: str) -> dict[str, Check]:
    """Names by the kind of their value; a kind is named by its keyword."""
    kinds: dict[str, Check] = {
        "text": _text, "flag": _flag, "count": _count, "whole": _whole, "number": _number, "links": _links,
        "never": _never,
    }  # fmt: skip
    return {name: kinds[kind] for kind, names in checks.items() for name in names.split()}


_COMMON = _table(text="url", count="checksum_jobs jobs", flag="worktree no_traverse version_aware")
_LOCAL = {
    **_table(links="type", flag="protected slow_link_warning verify"),
    "shared": _one_of("group"),
}
_HTTP = {
    **_table(
        text="custom_auth_header user password ssl_verify method", flag="ask_password verify",
        number="connect_timeout read_timeout",
    ),
    "auth": _one_of("basic", "digest", "custom"),
}  # fmt: skip
_WEBDAV = _table(
    text="user password token bearer_token_command custom_auth_header cert_path key_path ssl_verify",
    flag="ask_password verify",
    whole="timeout",
)
_SCHEMES: Mapping[str, Mapping[str, Check]] = {
    "": _LOCAL,
    "s3": _table(
        text="region profile credentialpath configpath endpointurl access_key_id secret_access_key session_token "
        "ssl_verify sse sse_kms_key_id sse_customer_algorithm sse_customer_key acl grant_read grant_read_acp "
        "grant_write_acp grant_full_control",
        flag="listobjects use_ssl allow_anonymous_login verify",
        whole="read_timeout connect_timeout",
        never="cache_regions",
    ),
    "gs": _table(text="projectname credentialpath endpointurl", flag="verify allow_anonymous_login"),
    "ssh": _table(
        links="type", text="user password passphrase keyfile", whole="port timeout max_sessions",
        flag="ask_password ask_passphrase gss_auth allow_agent verify",
    ),
    "hdfs": _table(text="user kerb_ticket", never="replication"),
    "webhdfs": _table(
        text="kerberos_principal proxy_to ssl_verify token user password data_proxy_target",
        flag="kerberos use_https verify",
    ),
    "azure": _table(
        text="connection_string sas_token account_name account_key tenant_id client_id client_secret",
        flag="allow_anonymous_login exclude_environment_credential exclude_visual_studio_code_credential "
        "exclude_shared_token_cache_credential exclude_managed_identity_credential verify",
        whole="timeout read_timeout connection_timeout",
    ),
    "oss": _table(text="oss_key_id oss_key_secret oss_endpoint", flag="verify"),
    "gdrive": _table(
        text="profile gdrive_client_id gdrive_client_secret gdrive_user_credentials_file "
        "gdrive_service_account_user_email gdrive_service_account_json_file_path",
        flag="gdrive_use_service_account gdrive_trash_only gdrive_acknowledge_abuse verify",
    ),
    "http": _HTTP,
    "https": _HTTP,
    "webdav": _WEBDAV,
    "webdavs": _WEBDAV,
}  # fmt: skip
SECTIONS: Mapping[str, Mapping[str, Check]] = {
    "core": _table(
        text="remote site_cache_dir machine", count="checksum_jobs",
        flag="interactive analytics hardlink_lock no_scm autostage experiments check_update",
    ),
    "cache": {**_table(text="local s3 gs hdfs webhdfs ssh azure dir"), **_LOCAL},
    "state": _table(text="dir", count="row_limit", whole="row_cleanup_quota"),
    "index": _table(text="dir"),
    "feature": _table(flag="machine"),
    "plots": _table(text="html_template out_dir", flag="auto_open"),
    "exp": _table(text="code data models metrics params plots live git_remote", flag="auto_push"),
    "parsing": {
        "bool": _one_of("store_true", "boolean_optional"),
        "list": _one_of("nargs", "append"),
    },
    "hydra": _table(text="config_dir config_module config_name plugins_path", flag="enabled"),
    "studio": _table(text="token url repo_url", flag="offline"),
}  # fmt: skip
_DATABASE = _table(text="url username password")
SECRETS = frozenset(
    {"password", "passphrase", "access_key_id", "secret_access_key", "session_token", "token", "account_key"}
    | {"connection_string", "sas_token", "client_secret", "oss_key_id", "oss_key_secret", "gdrive_client_secret"}
    | {"custom_auth_header", "sse_customer_key"}
)  # fmt: skip


def check_option(section: str, option: str, value: str) -> None:
    """Refuse an option of a plain section that DVC would refuse.

    Raises:
        ConfigError: DVC has no such section or option, or takes no such value.
    """
    known = SECTIONS.get(section)
    if known is None:
        raise ConfigError(
            f"DVC's configuration has no section {clip(section)}",
            hint=f"its sections: {', '.join(SECTIONS)}; a remote's option is remote.NAME.OPTION",
        )
    _check(known, section, option, value)


def check_named(kind: str, name: str, option: str, value: str, url: str | None) -> None:
    """The same for an option of a remote or database; `url` is the one it has.

    Raises:
        ConfigError: as `check_option`, or a remote has no URL, or one of a kind that DVC does not know.
    """
    if kind == "db":
        _check(_DATABASE, f"db.{name}", option, value)
        return
    known = _of_url(name, url)
    if known is not None:
        _check({**_COMMON, **known}, f"remote.{name}", option, value)


def is_secret(option: str, value: str) -> bool:
    """Whether an option holds what nobody else may know."""
    userinfo = re.match(r"\w+://[^/@]*:[^/@]+@", value)
    return option in SECRETS or (option in ("url", "endpointurl") and userinfo is not None)


def _of_url(name: str, url: str | None) -> Mapping[str, Check] | None:
    """The options of a remote besides the common ones; None if any may be set."""
    if not url:
        raise ConfigError(f"the remote {clip(name)} has no url", hint=f"vfs remote add {name} URL")
    scheme, mark, rest = url.partition("://")
    if not mark or not rest.strip("/") or rest.startswith("/"):
        return _SCHEMES[""]
    if scheme.lower() == "remote":
        return None
    known = _SCHEMES.get(scheme.lower())
    if known is None:
        raise ConfigError(
            f"DVC knows no remotes of the kind {clip(scheme)}://",
            hint="a directory, or " + ", ".join(f"{name}://" for name in _SCHEMES if name),
        )
    return known


def _check(known: Mapping[str, Check], section: str, option: str, value: str) -> None:
    check = known.get(option)
    if check is None:
        near = difflib.get_close_matches(option, known, n=3) or sorted(known)
        raise ConfigError(
            f"DVC knows no option {clip(option)} of {section}", hint=f"options: {', '.join(near)}"
        )
    expected = check(value)
    if expected:
        shown = "" if is_secret(option, value) else f", found {clip(value)}"
        raise ConfigError(f"{section}.{option}: expected {expected}{shown}")
