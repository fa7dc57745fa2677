/** How findings are shown. */
import { ExitCode } from "../command_line/exit_codes.ts";
import { valueOption } from "../command_line/options.ts";
import { oneOf } from "../command_line/scalars.ts";
import { escapeControls } from "../records/records.ts";
import { printOut, stdoutIsTerminal } from "../standard_streams/output.ts";
import type { Finding } from "./finding.ts";

const formats = ["text", "json", "jsonl"] as const;

/** `-o` of `doctor`. */
export const findingsOutput = valueOption(
  "-o, --output <format>",
  formats.join(", "),
  oneOf(...formats),
  "text",
  "text",
);

type Environment = Readonly<Record<string, string | undefined>>;

const colours = { ok: "32", warn: "33", broken: "31" } as const;

function describe(
  findings: readonly Finding[],
  environment: Environment,
): string {
  const coloured = stdoutIsTerminal() && !environment.NO_COLOR;
  const width = Math.max(...findings.map(({ check }) => check.length));
  const lines = findings.map(({ check, status, seen, fix }) => {
    const word = status.padEnd(6);
    const shown = coloured ? `\x1b[${colours[status]}m${word}\x1b[0m` : word;
    const text = escapeControls(seen).replaceAll("\n", "; ");
    const mended =
      fix === undefined ? "" : `\n        fix: ${escapeControls(fix)}`;
    return `${shown}  ${check.padEnd(width)}  ${text}${mended}\n`;
  });
  const count = (status: Finding["status"]): number =>
    findings.filter((finding) => finding.status === status).length;
  return `${lines.join("")}\n${count("ok")} ok, ${count("warn")} warn, ${count("broken")} broken\n`;
}

/** Prints them. @returns the exit code: 1 when something is broken */
export async function printFindings(
  findings: readonly Finding[],
  format: (typeof formats)[number],
  environment: Environment,
): Promise<number> {
  const lines = findings.map((finding) => JSON.stringify(finding));
  const isBroken = findings.some(({ status }) => status === "broken");
  await printOut(
    format === "jsonl"
      ? lines.map((line) => `${line}\n`).join("")
      : format === "json"
        ? `{"broken":${isBroken},"findings":[${lines.join(",")}]}\n`
        : describe(findings, environment),
  );
  return isBroken ? ExitCode.failed : ExitCode.done;
}
