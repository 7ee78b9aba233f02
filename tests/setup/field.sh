#!/usr/bin/env bash
# Installs the peers of `make bench-field`: those of PyPI into .tools/field at the versions in field.txt, the others as
# Debian packages. A peer that cannot be had is no failure: the tables say what is not here and how it would be installed.
set -eu
cd "$(dirname "$0")/../.."
target=.tools/field
if [ ! -x "$target/bin/python" ]; then
  rm -rf "$target"
  .venv/bin/uv venv --quiet --python "$(tests/setup/python.sh)" "$target"
fi
.venv/bin/uv pip install --quiet --python "$target/bin/python" --requirement tests/setup/field.txt ||
  echo "some of tests/setup/field.txt cannot be had; make bench-field goes on without" >&2
for group in servers field-s3fs field-squashfs field-restic field-borg field-sshfs field-delay; do
  tests/setup/system.sh "$group" || echo "cannot be had: $group; make bench-field goes on without" >&2
done
for tool in dvc3 giftless; do
  case $tool in
    dvc3) tests/setup/dvc.sh dvc3 ;;
    giftless) tests/setup/giftless.sh ;;
  esac || echo "cannot be had: $tool; make bench-field goes on without" >&2
done
