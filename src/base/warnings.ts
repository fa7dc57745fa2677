/** Where a library says that something looks wrong without being an error: one line to stderr, or wherever the program wants it. */

/** Receives one line without a line end. Must not throw. */
export type WarningSink = (line: string) => void;

let sink: WarningSink = (line) => console.warn(line);

/** Sends all later warnings of this thread to `next`; returns the sink used before. */
export function setWarningSink(next: WarningSink): WarningSink {
  const before = sink;
  sink = next;
  return before;
}

/** Says something once. */
export function warn(line: string): void {
  sink(`ringwire: ${line}`);
}
