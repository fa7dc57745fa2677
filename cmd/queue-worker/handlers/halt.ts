/** `--halt soon|now,fail|success|done=N`: when runs of the handler end the worker. As GNU parallel has it, without percentages. */
import { Refused } from "../../command_line/refused.ts";

/** What `--halt` says. */
export interface HaltRule {
  /** `soon` lets running handlers finish, `now` stops them. */
  readonly when: "soon" | "now";
  readonly what: "fail" | "success" | "done";
  readonly count: number;
}

/** Parses `never` and `soon,fail=1`. @throws {Refused} */
export function parseHalt(text: string): HaltRule | undefined {
  if (text === "never") return undefined;
  const match = /^(soon|now),(fail|success|done)=([1-9]\d{0,8})$/.exec(text);
  if (match === null)
    throw new Refused(
      text,
      "never, or soon or now, then a comma, then fail, success or done, then = and a count: soon,fail=1",
    );
  return {
    when: match[1] as HaltRule["when"],
    what: match[2] as HaltRule["what"],
    count: Number(match[3]),
  };
}

/** Counts runs against the rule. */
export class Halt {
  readonly #rule: HaltRule;
  #count = 0;

  constructor(rule: HaltRule) {
    this.#rule = rule;
  }

  get rule(): HaltRule {
    return this.#rule;
  }

  /** Whether this run was the one that ends the worker. */
  reachedBy(succeeded: boolean): boolean {
    const { what, count } = this.#rule;
    if (what === "done" || (what === "success") === succeeded) this.#count++;
    else return false;
    return this.#count === count;
  }
}
