/** What the figures were measured on. */
import { readFileSync } from "node:fs";
import { cpus, release, totalmem } from "node:os";

function firstLineOf(...command: string[]): string {
  try {
    return (
      Bun.spawnSync(command).stdout.toString().split("\n")[0]?.trim() ||
      "not installed"
    );
  } catch {
    return "not installed";
  }
}

function loadAverage(): string {
  return readFileSync("/proc/loadavg", "utf8")
    .split(" ")
    .slice(0, 2)
    .join(", ");
}

/** Name and value, in the order of the page. The load tells whether the machine was quiet. */
export function describeMachine(): [string, string][] {
  return [
    [
      "Processor",
      `${cpus()[0]?.model.trim() ?? "unknown"}, ${cpus().length} cores`,
    ],
    ["Memory", `${(totalmem() / 2 ** 30).toFixed(1)} GiB`],
    ["Kernel", release()],
    ["Bun", Bun.version],
    ["Deno", firstLineOf("deno", "--version")],
    ["C compiler", firstLineOf("cc", "--version")],
    ["Date", new Date().toISOString().slice(0, 10)],
    ["Load before the run (1 and 5 minutes)", loadAverage()],
  ];
}
