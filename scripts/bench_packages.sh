#!/usr/bin/env bash
# Installs the Debian packages that the benches measure against, where they are missing.
# Without the right to do so, it names them and ends well: the benches leave out what is not there.
set -uo pipefail

# Debian puts nats-server where only the superuser's PATH leads.
PATH=$PATH:/usr/sbin

missing=()
while read -r command package; do
  command -v "$command" >/dev/null || missing+=("$package")
done <<'COMMANDS'
redis-server redis-server
beanstalkd beanstalkd
nats-server nats-server
parallel parallel
xargs findutils
taskset util-linux
COMMANDS

if ((${#missing[@]} == 0)); then exit 0; fi

as_root=()
if ((EUID != 0)); then
  as_root=(sudo -n)
fi
give_up() {
  echo "not measured for want of the packages ${missing[*]}: $1" >&2
  exit 0
}
command -v apt-get >/dev/null || give_up "no apt-get here"
((EUID == 0)) || sudo -n true 2>/dev/null || give_up "no right to install them"

# The benches start servers of their own; the packages shall start none.
policy=/usr/sbin/policy-rc.d
if [[ ! -e $policy ]]; then
  "${as_root[@]}" install -m 755 /dev/stdin "$policy" <<<$'#!/bin/sh\nexit 101' ||
    give_up "$policy cannot be written"
  trap '"${as_root[@]}" rm -f "$policy"' EXIT
fi
export DEBIAN_FRONTEND=noninteractive
"${as_root[@]}" apt-get update -qq || give_up "apt-get update failed"
"${as_root[@]}" apt-get install -y -qq --no-install-recommends "${missing[@]}" ||
  give_up "apt-get install failed"
