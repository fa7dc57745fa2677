/** What a load test came to, and whether that is worse than before. */
import { readFileSync } from "node:fs";
import { z } from "zod";
import { formatSize } from "../../command_line/size.ts";
import { UsageError } from "../../command_line/exit_codes.ts";
import { formatTable } from "../../standard_streams/table.ts";
import { formatMs, type Percentiles } from "../percentiles.ts";
import type { BenchValues } from "./options.ts";
import type { Tally } from "./tally.ts";

const percentiles: z.ZodType<Percentiles> = z.object({
  count: z.number(),
  mean_ms: z.number(),
  p50_ms: z.number(),
  p90_ms: z.number(),
  p99_ms: z.number(),
  p99_9_ms: z.number(),
  p99_99_ms: z.number(),
  max_ms: z.number(),
});

/** What `-o json` prints and `--compare` reads. */
const benchReport = z.object({
  url: z.string(),
  loop: z.enum(["open", "closed"]),
  one_way: z.boolean(),
  connections: z.number(),
  concurrency: z.number(),
  size_bytes: z.number(),
  seconds: z.number(),
  /** A second; null in a closed loop. */
  asked_rate: z.number().nullable(),
  achieved_rate: z.number(),
  bytes_per_second: z.number(),
  begun: z.number(),
  completed: z.number(),
  skipped: z.number(),
  errors: z.number(),
  errors_by_code: z.record(z.string(), z.number()),
  response: percentiles,
  service: percentiles,
});

/** A load test in numbers. */
export type BenchReport = z.output<typeof benchReport>;

/** Puts the numbers together. @param seconds that were measured */
export function reportOf(
  url: string,
  given: BenchValues,
  concurrency: number,
  tally: Tally,
  seconds: number,
): BenchReport {
  const achieved = tally.completed / seconds;
  return {
    url,
    loop: given.rate === undefined ? "closed" : "open",
    one_way: given.oneWay,
    connections: given.connections,
    concurrency,
    size_bytes: given.size,
    seconds,
    asked_rate: given.rate ?? null,
    achieved_rate: achieved,
    bytes_per_second: achieved * given.size,
    begun: tally.begun,
    completed: tally.completed,
    skipped: tally.skipped,
    errors: tally.errorCount,
    errors_by_code: Object.fromEntries(tally.errors),
    response: tally.response.summary,
    service: tally.service.summary,
  };
}

function rateText(perSecond: number): string {
  return `${perSecond >= 100 ? Math.round(perSecond) : perSecond.toFixed(1)}/s`;
}

function row(name: string, times: Percentiles): string[] {
  return [
    name,
    ...[
      times.p50_ms,
      times.p90_ms,
      times.p99_ms,
      times.p99_9_ms,
      times.p99_99_ms,
      times.max_ms,
    ].map(formatMs),
  ];
}

/** For people. */
export function describeReport(report: BenchReport): string {
  const { asked_rate: asked, errors_by_code: codes } = report;
  const share = report.begun === 0 ? 0 : (report.errors / report.begun) * 100;
  const named = Object.entries(codes)
    .map(([code, count]) => `${code} ${count}`)
    .join(", ");
  return [
    `${report.loop} loop, ${report.one_way ? "one-way" : "requests"} of ${formatSize(report.size_bytes)} B, ${report.connections} connections, up to ${report.concurrency} under way on each, ${report.seconds.toFixed(1)} s\n`,
    `rate: ${asked === null ? "" : `asked ${rateText(asked)}, `}achieved ${rateText(report.achieved_rate)} (${(report.bytes_per_second / 1e6).toFixed(1)} MB/s)\n`,
    `errors: ${report.errors} (${share.toFixed(3)} %)${named === "" ? "" : `: ${named}`}${report.skipped === 0 ? "" : `; ${report.skipped} not begun, too many were under way`}\n\n`,
    formatTable(
      ["", "P50", "P90", "P99", "P99.9", "P99.99", "MAX"],
      [row("response", report.response), row("service", report.service)],
    ),
  ].join("");
}

/** Reads an earlier report. @throws {UsageError} when it is none */
export function readReport(path: string): BenchReport {
  try {
    return benchReport.parse(JSON.parse(readFileSync(path, "utf8")));
  } catch (error) {
    const reason =
      error instanceof z.ZodError
        ? (error.issues[0]?.path.join(".") ?? "") + " is not as bench writes it"
        : error instanceof Error
          ? error.message
          : String(error);
    throw new UsageError(`--compare ${path}: ${reason}`, { cause: error });
  }
}

/** What is not comparable says so; it would be a comparison of settings. */
const settings = [
  "loop",
  "one_way",
  "connections",
  "concurrency",
  "size_bytes",
  "asked_rate",
] as const;

/**
 * What is worse than before by more than `tolerancePercent`, one sentence each.
 *
 * @throws {UsageError} when the two were not run alike
 */
export function regressions(
  before: BenchReport,
  now: BenchReport,
  tolerancePercent: number,
): string[] {
  const other = settings.find((name) => before[name] !== now[name]);
  if (other !== undefined)
    throw new UsageError(
      `--compare: ${other} was ${before[other]} before and is ${now[other]}; allowed are runs with the same settings`,
    );
  const worse: string[] = [];
  const most = 1 + tolerancePercent / 100;
  if (now.achieved_rate * most < before.achieved_rate)
    worse.push(
      `rate: ${rateText(before.achieved_rate)} before, ${rateText(now.achieved_rate)} now`,
    );
  for (const share of ["p50_ms", "p99_ms"] as const)
    if (now.response[share] > before.response[share] * most)
      worse.push(
        `response ${share.replace("_ms", "")}: ${formatMs(before.response[share])} before, ${formatMs(now.response[share])} now`,
      );
  if (before.errors === 0 && now.errors > 0)
    worse.push(`errors: none before, ${now.errors} now`);
  return worse;
}
