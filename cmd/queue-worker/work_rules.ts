/** Which options of `work` go together, and what they mean together. */
import { UsageError } from "../command_line/exit_codes.ts";
import type { Framing } from "../records/framing.ts";
import type { InputStyle } from "./handlers/handler_input.ts";
import type { WorkInvocation } from "./work_options.ts";

type Given = WorkInvocation["options"];

/** How messages lie on the handler's stdin. */
export function inputStyle({
  framing,
  envelope,
  batch,
  coproc,
}: Given): InputStyle {
  const usual: Framing = envelope
    ? "jsonl"
    : coproc
      ? "line"
      : batch === undefined
        ? "raw"
        : "len32";
  return { framing: framing ?? usual, envelope };
}

/** How outputs are written to stdout. A coprocess's answers come without what ended them, so they get it again. */
export function outputFraming(given: Given): Framing {
  return given.outFraming ?? (given.coproc ? inputStyle(given).framing : "raw");
}

/** @throws {UsageError} when options exclude each other, or one needs another one */
export function checkCombination(given: Given, queueName: string): void {
  const refuse = (reason: string): never => {
    throw new UsageError(reason);
  };
  const exclude = (pairs: readonly (readonly [string, boolean])[]): void => {
    const both = pairs.filter(([, isGiven]) => isGiven).map(([name]) => name);
    if (both.length > 1)
      refuse(`${both.join(" and ")} are given; allowed is one of them`);
  };
  const need = (isGiven: boolean, what: string, needed: string): void => {
    if (isGiven) refuse(`${what} is given; it needs ${needed}`);
  };
  const batch = ["--batch", given.batch !== undefined] as const;
  exclude([
    ["--until-empty", given.untilEmpty],
    ["--until-end", given.untilEnd],
  ]);
  exclude([batch, ["--coproc", given.coproc]]);
  exclude([batch, ["--order", given.order !== undefined]]);
  exclude([
    ["--control", given.control !== undefined],
    ["--no-control", given.noControl],
  ]);
  exclude([
    ["--to", given.to !== undefined],
    ["--out-framing", given.outFraming !== undefined],
  ]);
  need(
    given.batchWait > 0 && given.batch === undefined,
    "--batch-wait",
    "--batch",
  );
  need(given.split !== "raw" && given.to === undefined, "--split", "--to");
  need(given.end && given.to === undefined, "--end", "--to");
  need(given.end && !given.untilEnd, "--end", "--until-end");
  if (given.to === queueName)
    refuse(
      `--to: given ${given.to}, which is the queue itself; allowed is another one`,
    );
  if (given.framing === "raw" && (given.batch !== undefined || given.coproc))
    refuse(
      "--framing: given raw, which does not say where a record ends; allowed with --batch and --coproc are line, nul, len32, jsonl",
    );
}
