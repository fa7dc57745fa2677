/** What the stages pass on, and the sums at the end. */
import { z } from "zod";

/** From the reader to the parsers: many small records in one message, which costs less than a message for each. */
export const blockSchema = z.object({
  block: z.int().positive(),
  /** `STATION;CELSIUS`, with one decimal. */
  lines: z.array(z.string()),
});
export type Block = z.infer<typeof blockSchema>;

/** From the parsers to the summing stage. */
export const parsedSchema = z.object({
  block: z.int().positive(),
  readings: z.array(
    z.object({
      station: z.string(),
      /** In tenths of a degree: sums of integers are the same in any order. */
      tenths: z.int(),
    }),
  ),
});
export type Parsed = z.infer<typeof parsedSchema>;

/** Of each station, in tenths of a degree. */
export const totalsSchema = z.record(
  z.string(),
  z.object({ count: z.int(), sum: z.int(), min: z.int(), max: z.int() }),
);
export type Totals = z.infer<typeof totalsSchema>;

/** What the summing stage writes to its checkpoint: its result so far, and of what. */
export const checkpointSchema = z.object({
  blocks: z.array(z.int()),
  totals: totalsSchema,
});

/** What the summing stage prints at its end. */
export const resultSchema = z.object({
  /** Blocks that came again after they had been counted. */
  duplicates: z.int(),
  totals: totalsSchema,
});

/** @throws when a line is no reading */
export function parseBlock({ block, lines }: Block): Parsed {
  const readings = lines.map((line) => {
    const [station = "", celsius = ""] = line.split(";");
    const tenths = Math.round(Number(celsius) * 10);
    if (station === "" || !Number.isFinite(tenths))
      throw new Error(`no reading: ${line}`);
    return { station, tenths };
  });
  return { block, readings };
}

export function addReadings(totals: Totals, { readings }: Parsed): void {
  for (const { station, tenths } of readings) {
    totals[station] ??= { count: 0, sum: 0, min: tenths, max: tenths };
    const one = totals[station];
    one.count++;
    one.sum += tenths;
    one.min = Math.min(one.min, tenths);
    one.max = Math.max(one.max, tenths);
  }
}

/** The same totals give the same text. */
export function describeTotals(totals: Totals): string {
  return Object.keys(totals)
    .sort()
    .map((station) => {
      const { count, sum, min, max } = totals[station] as Totals[string];
      return `${station} ${count} ${sum} ${min} ${max}`;
    })
    .join("\n");
}
