#!/usr/bin/env bash
# Installs zsh and fish for the tests of completion (8 MB to fetch), when they are missing and that is possible. Nothing
# else needs them, so a failure is only said: the tests name themselves in the summary.
set -euo pipefail

missing=()
for shell in zsh fish; do
  command -v "$shell" >/dev/null || missing+=("$shell")
done
if ((${#missing[@]} == 0)); then exit 0; fi

as_root=()
if ((EUID != 0)); then
  as_root=(sudo -n)
fi
export DEBIAN_FRONTEND=noninteractive
bounded=(timeout 180 "${as_root[@]}" apt-get -qq -o Acquire::Retries=1 -o Acquire::http::Timeout=15)
if ! { "${bounded[@]}" update && "${bounded[@]}" install -y --no-install-recommends "${missing[@]}"; } >/dev/null 2>&1; then
  echo "not installed: ${missing[*]}; the tests of completion in them will be left out" >&2
fi
