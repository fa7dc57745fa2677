/** The kernel's clocks, which all processes share; the runtimes' own begin with each process. */
import { openLibrary } from "../../ffi/host.ts";

const CLOCK_MONOTONIC = 1;
const CPUCLOCK_SCHED = 2;
const { clock_gettime: clockGettime } = openLibrary("libc.so.6", {
  // int clock_gettime(clockid_t clockid, struct timespec *tp);
  clock_gettime: { parameters: ["i32", "bytes"], result: "i32" },
});
const time = new BigInt64Array(2);

/** Microseconds since an instant that is the same in every process, with a fraction. */
export function monotonicUs(): number {
  clockGettime(CLOCK_MONOTONIC, time);
  return Number(time[0]) * 1e6 + Number(time[1]) / 1e3;
}

/**
 * User and system time of a process in nanoseconds, of all its threads, and of those that have ended too. /proc/PID/stat
 * counts in steps of 10 ms, which is more than there is to measure.
 *
 * @throws when there is no such process
 */
export function cpuNs(pid: number): number {
  // What clock_getcpuclockid() gives.
  const clock = (~pid << 3) | CPUCLOCK_SCHED;
  if (clockGettime(clock, time) !== 0) throw new Error(`no process ${pid}`);
  return Number(time[0]) * 1e9 + Number(time[1]);
}
