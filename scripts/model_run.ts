/** One configuration of a model of ffi/c/model. */

/** One exhaustive search. */
export interface ModelRun {
  readonly name: string;
  /** The model's file in ffi/c/model. */
  readonly model: "core" | "wait" | "delay";
  /** What is defined before it: sizes, features, and START with the processes. */
  readonly define: Readonly<Record<string, string | number>>;
  /** What of it is short enough for `make test`. */
  readonly quick?: "states" | "states and ends";
  /** Searched for cycles too: no process may run for ever, whoever else is stopped or killed. */
  readonly ends?: boolean;
}

/** What starts `processes`, or has a message waiting before they move. */
export const start = (...processes: string[]): string =>
  processes
    .map((each) => (each.startsWith("waits") ? each : `run ${each}`))
    .join("; ");
