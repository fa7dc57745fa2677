/** What the stream carries: prices, and what a reader has seen of them. */
import { z } from "zod";

/** A price of an instrument. */
export const tickSchema = z.object({
  /** Counts the ticks of all symbols: a gap is a tick that this reader has missed. */
  sequence: z.int().positive(),
  symbol: z.string(),
  price: z.number().positive(),
  /** When it was made: wall clock in milliseconds, with a fraction. */
  atMs: z.number(),
});
export type Tick = z.infer<typeof tickSchema>;

/** What a reader prints at its end. */
export const readerSummarySchema = z.object({
  received: z.int(),
  /** Ticks that were missed, seen as gaps in the sequence. */
  missed: z.int(),
  /** Ticks that came after a later one. */
  outOfOrder: z.int(),
  lastSequence: z.int(),
  latency: z.string(),
});

/** What the feed prints at its end. */
export const feedSummarySchema = z.object({
  ticks: z.int(),
  elapsedMs: z.number(),
  send: z.string(),
});
