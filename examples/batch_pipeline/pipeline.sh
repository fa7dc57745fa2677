#!/usr/bin/env bash
# A batch pipeline in the shell: numbers are made, factored by two workers, their factors counted, and all of it sorted. One
# worker is killed with SIGKILL in the middle; the result must be that of a direct computation.
#
#     examples/batch_pipeline/pipeline.sh
set -euo pipefail

root=$(cd "$(dirname "$0")/../.." && pwd)
PATH=$root/dist:$PATH

files=$(mktemp -d)
numbers=example-$$-numbers
factored=example-$$-factored
counted=example-$$-counted
remove_queues() {
  for queue in "$numbers" "$factored" "$counted"; do
    ringwire-queue-worker rm "$queue" 2>/dev/null || true
  done
}
clean_up() {
  # Whoever has a queue open leaves when it is destroyed. One may just be stopped.
  if [ -s "$files/victim" ]; then kill -CONT "$(cat "$files/victim")" 2>/dev/null || true; fi
  remove_queues
  # Who was only about to open it would make it anew.
  jobs -p | xargs -r kill 2>/dev/null || true
  wait
  remove_queues
  rm -r "$files"
}
trap clean_up EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

# Small queues: each stage waits for the next one.
for queue in "$numbers" "$factored" "$counted"; do
  ringwire-queue-worker create "$queue" --max-messages 64
done

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

# The second stage: two workers, two handlers each. A result is in the next queue before its number is acknowledged, so a
# kill loses none. When the stream has ended and all of it is settled, by both, whoever is left ends the next stream.
factor_numbers() {
  exec ringwire-queue-worker work -q "$numbers" --name "$1" -j2 --until-end --to "$factored" --split line --end -- factor
}
factor_numbers one &
victim=$!
echo "$victim" >"$files/victim"
factor_numbers two &

# The third stage: one process for up to 50 messages.
ringwire-queue-worker work -q "$factored" --until-end --batch 50 --framing line --to "$counted" --split line --end \
  -- awk '{ print $0, "(" NF - 1 ")" }' &

# The last stage. What was sent on, but not yet acknowledged when its worker was killed, comes twice: count it once.
ringwire-queue-worker pop -q "$counted" --until-end >"$files/collected" &
collector=$!

# In the middle of it one worker is killed. It is stopped first, so that what is seen stays true: it has done something, and
# it holds something.
is_in_the_middle() {
  ringwire-queue-worker stat "$numbers" |
    awk '$2 == "one" && $4 >= 1 && $7 >= 20 { found = 1 } END { exit !found }'
}
for (( ; ; )); do
  kill -STOP "$victim"
  if is_in_the_middle; then break; fi
  kill -CONT "$victim"
  sleep 0.01
done
kill -KILL "$victim"
wait "$victim" 2>/dev/null || true
rm "$files/victim"
touch "$files/killed"

wait "$collector"
sort -nu "$files/collected" >"$files/result"
seq 1000001 $((1000000 + $(cat "$files/count"))) | factor | awk '{ print $0, "(" NF - 1 ")" }' >"$files/direct"
all=$(wc -l <"$files/collected")
unique=$(wc -l <"$files/result")
echo "$unique numbers factored, $((all - unique)) of them twice"
ringwire-queue-worker stat "$numbers" | sed -n 's/^totals: */The queue says: /p'
if ! cmp "$files/result" "$files/direct"; then
  echo "FAILED: the result differs from that of a direct computation" >&2
  exit 1
fi
echo "The result equals that of a direct computation."
