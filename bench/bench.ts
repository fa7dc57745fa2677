/** What every bench of `bench/cases/` is. */
import type { Sample } from "./sample.ts";
import type { Stage } from "./stage.ts";

/** A group of measurements that are made together. */
export interface Bench {
  /** As given on the command line. */
  readonly name: string;
  /** One line for `--list`. */
  readonly about: string;
  /** Several samples of each name, one for each run. `note` tells what was left out, and why. */
  run(stage: Stage, note: (text: string) => void): Promise<Sample[]>;
}
