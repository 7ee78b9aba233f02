#!/usr/bin/env bash
# Installs Azurite, Microsoft's emulator of Azure Blob Storage, into .tools (Node 18 or newer).
set -eu
cd "$(dirname "$0")/../.."
mkdir -p .tools/azurite
npm install --silent --no-audit --no-fund --prefix .tools/azurite azurite@3.37.0
