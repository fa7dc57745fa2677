/** What can be asked of a worker, a daemon or a server by POST, and the bodies that go with it. */
import { z } from "zod";
import { timerMsMax } from "../command_line/duration.ts";

/** Bodies as they come; the route is the key. No body is an empty object. */
export const actionBodies = {
  drain: z
    .strictObject({
      timeout_ms: z.int().min(0).max(timerMsMax).optional(),
    })
    .transform(({ timeout_ms }) => ({ timeoutMs: timeout_ms })),
  "stop-fetching": z.strictObject({}),
  reload: z.strictObject({}),
  restart: z.strictObject({ worker: z.string().min(1) }),
  kick: z.strictObject({
    session: z.string().min(1).max(128),
    reason: z.string().max(123).optional(),
  }),
} as const;

/** The name of an action, which is its route. */
export type ActionName = keyof typeof actionBodies;

/**
 * What a server offers. Each gets its checked body, begins what was asked for, and gives at once what the answer shall
 * say; it does not wait until a drain is over.
 */
export type ControlActions = {
  readonly [Name in ActionName]?: (
    body: z.output<(typeof actionBodies)[Name]>,
  ) => Promise<object>;
};

/** Thrown by an action that cannot be done as things are: the answer is 409 with this message and code. */
export class ActionRefused extends Error {
  readonly code: string;

  constructor(code: string, message: string) {
    super(message);
    this.name = "ActionRefused";
    this.code = code;
  }
}
