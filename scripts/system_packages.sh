#!/usr/bin/env bash
# Installs the Debian packages that are missing: a C compiler with its headers
# and sanitizers, unshare for the tests that need a private mount table, curl for
# the documents that use it, openssl for the certificates of tests, spin (1.5 MB) for the models of ffi/c/model, and UCX: the
# library that src/ucx drives, the headers that ffi/ucp is compared with, and
# ucx_perftest, the measure of its benches.
set -euo pipefail

missing=()
probe='#include <stdint.h>
#include <pthread.h>
int main(void) { return 0; }'
if ! command -v cc >/dev/null || ! cc -x c -fsyntax-only - <<<"$probe" 2>/dev/null; then
  missing+=(gcc libc6-dev)
fi
command -v unshare >/dev/null || missing+=(util-linux)
command -v curl >/dev/null || missing+=(curl)
command -v openssl >/dev/null || missing+=(openssl)
command -v spin >/dev/null || missing+=(spin)
cc -x c -o /dev/null - -l:libucp.so.0 <<<'int main(void) { return 0; }' 2>/dev/null || missing+=(libucx0)
cc -x c -fsyntax-only - <<<'#include <ucp/api/ucp.h>' 2>/dev/null || missing+=(libucx-dev)
command -v ucx_perftest >/dev/null || missing+=(ucx-utils)

if ((${#missing[@]} == 0)); then exit 0; fi

as_root=()
if ((EUID != 0)); then
  as_root=(sudo -n)
fi
if ! command -v apt-get >/dev/null || { ((EUID != 0)) && ! sudo -n true 2>/dev/null; }; then
  echo "missing: install the packages ${missing[*]} (no apt-get here, or no right to use it)" >&2
  exit 1
fi
export DEBIAN_FRONTEND=noninteractive
"${as_root[@]}" apt-get update -qq
"${as_root[@]}" apt-get install -y -qq --no-install-recommends "${missing[@]}"
