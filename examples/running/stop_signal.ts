/** The polite end of a program. */
import process from "node:process";
import { setInterval } from "node:timers";

const lookEveryMs = 500;

/**
 * A signal that fires on SIGTERM, SIGINT and SIGHUP, and when the process that started this one is gone. Whoever heeds it
 * finishes what it has begun and leaves; a work loop does so when it is given as its `signal`.
 */
export function stopSignal(): AbortSignal {
  const stop = new AbortController();
  for (const name of ["SIGTERM", "SIGINT", "SIGHUP"] as const)
    process.on(name, () => stop.abort(new Error(`stopped by ${name}`)));
  const parent = process.ppid;
  setInterval(() => {
    if (process.ppid !== parent)
      stop.abort(new Error("whoever started this is gone"));
  }, lookEveryMs).unref();
  return stop.signal;
}
