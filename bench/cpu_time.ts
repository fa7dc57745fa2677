/** What a message costs of the processors' time. */
import { cpuNs } from "./programs/clocks.ts";
import { parseSample, type Sample } from "./sample.ts";
import type { Program } from "./stage.ts";

/** @returns undefined when the line is no total */
export function parseTotal(line: string): number | undefined {
  if (!line.startsWith("{")) return undefined;
  const { total } = JSON.parse(line) as { readonly total?: number };
  return total;
}

/**
 * Everything that a consumer reports, and with each round the CPU time that a message took: user and system time of all
 * processes that took part, as REPORT.cpu in microseconds.
 *
 * @param processes whose time is counted: producer, consumer, and a server if there is one
 */
export async function samplesWithCpu(
  consumer: Program,
  processes: readonly number[],
  report: string,
): Promise<Sample[]> {
  const samples: Sample[] = [];
  let before: { total: number; ns: number } | undefined;
  for (
    let line = await consumer.nextLine();
    line !== undefined;
    line = await consumer.nextLine()
  ) {
    const sample = parseSample(line);
    if (sample !== undefined) samples.push(sample);
    const total = parseTotal(line);
    if (total === undefined) continue;
    const ns = processes.reduce((sum, pid) => sum + cpuNs(pid), 0);
    if (before !== undefined && total > before.total)
      samples.push({
        name: `${report}.cpu`,
        value: (ns - before.ns) / 1e3 / (total - before.total),
        unit: "us",
      });
    before = { total, ns };
  }
  return [...samples, ...(await consumer.samples())];
}
