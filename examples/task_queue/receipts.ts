/** What the task queue carries: receipts to be sent, and reports of those that were. */
import { createHash } from "node:crypto";
import { z } from "zod";

/** A task: send a receipt. */
export const taskSchema = z.object({
  order: z.int().positive(),
  to: z.email(),
  cents: z.int().positive(),
  urgent: z.boolean(),
  /** Deliveries at which the connection to the mail server breaks. */
  flakyTimes: z.int().nonnegative(),
});
export type Task = z.infer<typeof taskSchema>;

/** Reported for each receipt that was sent. */
export const reportSchema = z.object({
  order: z.int().positive(),
  digest: z.string(),
  urgent: z.boolean(),
  attempts: z.int().positive(),
  /** From the acceptance of the task until its (last) delivery, in milliseconds. */
  waitedMs: z.number(),
  worker: z.string(),
});
export type Report = z.infer<typeof reportSchema>;

/** Stands for the receipt: the same task gives the same one. */
export function renderReceipt({ order, to, cents }: Task): string {
  return createHash("sha256").update(`${order} ${to} ${cents}`).digest("hex");
}
