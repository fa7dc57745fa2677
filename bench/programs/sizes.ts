/** The sizes of the benches of large messages, the same as in `bench/c/limits.c`. */

/** Names a size. */
export type SizeName = "1KiB" | "64KiB" | "1MiB" | "64MiB";

/** Bytes of a body, and how many may be in the queue: as many as let both sides work at the same time. */
export const sizes: Readonly<
  Record<SizeName, { readonly bytes: number; readonly maxMessages: number }>
> = {
  "1KiB": { bytes: 2 ** 10, maxMessages: 128 },
  "64KiB": { bytes: 2 ** 16, maxMessages: 8 },
  "1MiB": { bytes: 2 ** 20, maxMessages: 4 },
  "64MiB": { bytes: 2 ** 26, maxMessages: 3 },
};

/** How bodies go in and out: plainly, or in the ways that have to be asked for. */
export const ways = ["copied", "into", "zero-copy", "reused"] as const;

/** What both programs are given. */
export interface LargeArgument {
  readonly queue: string;
  readonly size: SizeName;
  readonly way: (typeof ways)[number];
  readonly report: string;
}
