#!/usr/bin/env bash
# Prints the first Python >= 3.11 on PATH that can make a venv; fails if there is none.
set -eu
for name in python3 python3.14 python3.13 python3.12 python3.11; do
  path=$(command -v "$name" 2>/dev/null) || continue
  if "$path" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
    echo "$path"
    exit 0
  fi
done
exit 1
