/** The messages of the quote service. Both sides check them, so that neither trusts the other's build. */
import { z } from "zod";

/** What may be asked. */
export const requestSchema = z.discriminatedUnion("kind", [
  z.object({
    kind: z.literal("quote"),
    item: z.string().min(1),
    count: z.int().positive(),
  }),
  /** A report that takes its time. */
  z.object({
    kind: z.literal("report"),
    label: z.string(),
    takesMs: z.int().nonnegative(),
    /** At its first delivery it hangs, as if a database did not answer. */
    hangsAtFirst: z.boolean().default(false),
  }),
]);
export type QuoteRequest = z.infer<typeof requestSchema>;
/** As it is written, defaults left out. */
export type QuoteQuestion = z.input<typeof requestSchema>;

/** What comes back: a result, or an error that the asker can act upon. */
export const replySchema = z.discriminatedUnion("ok", [
  z.object({
    ok: z.literal(true),
    cents: z.int(),
    /** Who answered, and at which delivery of the request. */
    by: z.string(),
    attempt: z.int().positive(),
  }),
  z.object({
    ok: z.literal(false),
    code: z.enum(["unknown-item", "bad-request"]),
    message: z.string(),
  }),
]);
export type QuoteReply = z.infer<typeof replySchema>;
