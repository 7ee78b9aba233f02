"""Settings of this machine and repository; the only reader of the environment.

Rule: every other module gets its values passed in. Importing this package is cheap (no YAML, no
subprocess): the start-up of `vfs status` counts on it.
"""

from vfs.config.environment import debug_wanted, environment, git_environment
from vfs.config.files import Remotes, parse_remotes, read_remotes_file
from vfs.config.places import cache_dir, dvc_config_paths, runtime_dir, state_dir, user_config_file
from vfs.config.settings import Settings, default_settings, load_settings

__all__ = [
    "Remotes",
    "Settings",
    "cache_dir",
    "debug_wanted",
    "default_settings",
    "dvc_config_paths",
    "environment",
    "git_environment",
    "load_settings",
    "parse_remotes",
    "read_remotes_file",
    "runtime_dir",
    "state_dir",
    "user_config_file",
]
