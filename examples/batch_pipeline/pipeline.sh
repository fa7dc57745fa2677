#!/usr/bin/env bash
# A batch pipeline in the shell: numbers are made, factored by two workers, and sorted. One worker is killed with SIGKILL in
# the middle; the result must be that of a direct computation.
#
#     examples/batch_pipeline/pipeline.sh
set -euo pipefail

root=$(cd "$(dirname "$0")/../.." && pwd)
PATH=$root/dist:$PATH


files=$(mktemp -d)
numbers=example-$$-numbers
factored=example-$$-factored
clean_up() {
  # Whoever has a queue open leaves when it is destroyed, and with them all stages end. One may just be stopped.
  if [ -s "$files/one.pid" ]; then kill -CONT "$(cat "$files/one.pid")" 2>/dev/null || true; fi
  ringwire-queue-worker rm "$numbers" 2>/dev/null || true
  ringwire-queue-worker rm "$factored" 2>/dev/null || true
  wait
  rm -r "$files"
}
trap clean_up EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

# Small queues: each stage waits for the next one.
ringwire-queue-worker create "$numbers" --max-messages 64
ringwire-queue-worker create "$factored" --max-messages 64

# The first stage: 300 numbers, and more until the kill has happened, so that this is in the middle.
read_numbers() {
  local count=0
  while ((count < 300)) || [ ! -e "$files/killed" ]; do
    count=$((count + 1))
    echo $((1000000 + count))
    if ((count >= 200)); then sleep 0.005; fi
  done
  echo "$count" >"$files/count"
}
read_numbers | ringwire-queue-worker push -q "$numbers" --end &

# The second stage: two workers, two handlers each. When the stream of numbers has ended and all of them are settled, the
# workers end, and the last one to leave closes the pipe; then push ends the next stream.
factor_numbers() {
  ringwire-queue-worker work -q "$numbers" --name one -j2 --until-end -- factor &
  echo $! >"$files/one.pid"
  ringwire-queue-worker work -q "$numbers" --name two -j2 --until-end -- factor &
  wait 2>"$files/killed-says-bash"
}
factor_numbers | ringwire-queue-worker push -q "$factored" --end &

# The third stage. What was written, but not yet acknowledged when its worker was killed, comes twice: count it once.
ringwire-queue-worker pop -q "$factored" --until-end | sort -n >"$files/sorted" &
collector=$!

# In the middle of it one worker is killed. It is stopped first, so that what is seen stays true: it has done something, and
# it holds something.
is_in_the_middle() {
  ringwire-queue-worker stat "$numbers" | awk '$2 == "one" && $3 >= 1 && $6 >= 20 { found = 1 } END { exit !found }'
}
until [ -s "$files/one.pid" ]; do sleep 0.01; done
victim=$(cat "$files/one.pid")
for (( ; ; )); do
  kill -STOP "$victim"
  if is_in_the_middle; then break; fi
  kill -CONT "$victim"
  sleep 0.01
done
kill -KILL "$victim"
rm "$files/one.pid"
touch "$files/killed"

wait "$collector"
sort -nu "$files/sorted" >"$files/result"
seq 1000001 $((1000000 + $(cat "$files/count"))) | factor >"$files/direct"
echo "$(wc -l <"$files/result") numbers factored, $(($(wc -l <"$files/sorted") - $(wc -l <"$files/result"))) of them twice"
ringwire-queue-worker stat "$numbers" | sed -n 's/^totals: */The queue says: /p'
if ! cmp "$files/result" "$files/direct"; then
  echo "FAILED: the result differs from that of a direct computation" >&2
  exit 1
fi
echo "The result equals that of a direct computation."
