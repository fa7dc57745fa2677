/** What benches measure, and how several runs become one figure. */

/** One run of one measurement. */
export interface Sample {
  /** Dotted, with the runtime or `c`, `limit`, `peer`, `memory` first. */
  readonly name: string;
  readonly value: number;
  /** Names ending in "/s" are rates, where more is better; of everything else less is better. */
  readonly unit: string;
}

/** The runs of one measurement. */
export interface Figure extends Sample {
  /** Median of all runs. */
  readonly value: number;
  readonly min: number;
  readonly max: number;
  readonly runs: number;
  /** Of each run, in their order. */
  readonly values: readonly number[];
}

/**
 * How many times as much one figure is as another that was measured in turn with it: the middle one of the quotients of
 * each pair of runs. The distance of the processors changes from second to second, and neighbours share it.
 *
 * @returns of the medians, when the runs are no pairs
 */
export function ratioInTurn(over: Figure, under: Figure): number {
  if (over.runs !== under.runs) return over.value / under.value;
  return medianOf(
    over.values.map((value, run) => value / (under.values[run] ?? Number.NaN)),
  );
}

/** The middle value; of an even number the mean of the two in the middle. */
export function medianOf(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1
    ? upper
    : (upper + (sorted[middle - 1] ?? Number.NaN)) / 2;
}

/** Groups samples by name, in the order of first appearance. */
export function figuresOf(samples: readonly Sample[]): Map<string, Figure> {
  const groups = new Map<string, { unit: string; values: number[] }>();
  for (const { name, value, unit } of samples) {
    const group = groups.get(name) ?? { unit, values: [] };
    group.values.push(value);
    groups.set(name, group);
  }
  const figures = new Map<string, Figure>();
  for (const [name, { unit, values }] of groups) {
    figures.set(name, {
      name,
      unit,
      value: medianOf(values),
      min: Math.min(...values),
      max: Math.max(...values),
      runs: values.length,
      values,
    });
  }
  return figures;
}

/** Whether more is better. */
export function isRate(unit: string): boolean {
  return unit.endsWith("/s");
}

/** @returns undefined when the line is no sample */
export function parseSample(line: string): Sample | undefined {
  if (!line.startsWith("{")) return undefined;
  const { name, value, unit } = JSON.parse(line) as Partial<Sample>;
  if (
    typeof name !== "string" ||
    typeof value !== "number" ||
    typeof unit !== "string"
  )
    return undefined;
  return { name, value, unit };
}
