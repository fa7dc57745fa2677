#!/usr/bin/env bash
# Installs clang with libFuzzer, which only `make fuzz` needs, when it is missing. Without it `make fuzz` says so;
# the inputs that it found are replayed by `make test` in any case.
set -euo pipefail

if command -v clang >/dev/null && echo 'int LLVMFuzzerTestOneInput(void) { return 0; }' |
  clang -x c -fsanitize=fuzzer,address -o /dev/null - 2>/dev/null; then exit 0; fi

as_root=()
if ((EUID != 0)); then
  as_root=(sudo -n)
fi
export DEBIAN_FRONTEND=noninteractive
bounded=(timeout 600 "${as_root[@]}" apt-get -qq -o Acquire::Retries=1 -o Acquire::http::Timeout=15)
version=$(apt-cache depends clang 2>/dev/null | sed -n 's/.*Depends: clang-\([0-9]*\)$/\1/p')
if ! { "${bounded[@]}" update && "${bounded[@]}" install -y --no-install-recommends clang "libclang-rt-${version:-14}-dev"; } >/dev/null 2>&1; then
  echo "not installed: clang and libclang-rt-dev, so nothing is fuzzed" >&2
  exit 1
fi
