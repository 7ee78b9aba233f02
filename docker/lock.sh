#!/usr/bin/env bash
# Writes docker/lock/: every Python package of the image and of its build, by version and hash.
# The versions of what vfs needs are those of tests/setup/constraints.txt. Run it when these change.
set -eu
cd "$(dirname "$0")/.."
uv=.venv/bin/uv
lock() { "$uv" pip compile --quiet --python-version 3.11 --generate-hashes --no-annotate --no-header "$@"; }
constraints=tests/setup/constraints.txt

lock pyproject.toml --extra ssh --extra gs --extra azure --extra webdav --constraint $constraints \
  --output-file docker/lock/vfs.txt
# What pyfuse3 and vfs itself are built with: their [build-system] tables.
printf '%s\n' cython hatchling setuptools setuptools-scm |
  lock - --constraint $constraints --output-file docker/lock/build.txt
echo uv | lock - --constraint $constraints --output-file docker/lock/uv.txt
