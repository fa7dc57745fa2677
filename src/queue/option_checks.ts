/** The zod schemas of `options.ts`. */
import { z } from "zod";
import {
  checkOptions,
  integerWithin,
  oneOf,
  yesOrNo,
} from "../base/option_check.ts";
import type {
  ConnectOptions,
  ConsumeOptions,
  CreateOptions,
} from "./options.ts";

/** Bounds of what a queue may be; the shim has the same. */
export const LIMITS = {
  messagesMax: 2 ** 20,
  bodyBytesMax: 2 ** 30,
  headersBytesMax: 2048,
  participantsMax: 4095,
  deliverMax: 255,
  participantNameBytesMax: 31,
  noteBytesMax: 4064,
  stagingBytesMin: 16_384,
  stagingBytesMax: 2 ** 30,
  leaseMsMax: 2 ** 31 - 1,
  prefetchMax: 65536,
} as const;

function hasMethods(...names: readonly string[]): (value: unknown) => boolean {
  return (value) =>
    typeof value === "object" &&
    value !== null &&
    names.every(
      (name) => typeof (value as Record<string, unknown>)[name] === "function",
    );
}

const encoder = new TextEncoder();
const participantName = z
  .string({ error: "allowed a text" })
  .refine(
    (name) =>
      !name.includes("\0") &&
      encoder.encode(name).byteLength <= LIMITS.participantNameBytesMax,
    {
      error: `allowed at most ${LIMITS.participantNameBytesMax} bytes of UTF-8 without NUL`,
    },
  );

const handleShape = {
  participantName: participantName.optional(),
  schema: z
    .custom<NonNullable<ConnectOptions["schema"]>>(hasMethods("safeParse"), {
      error: "allowed a zod schema",
    })
    .optional(),
  codec: z
    .custom<NonNullable<ConnectOptions["codec"]>>(
      hasMethods("encode", "decode"),
      { error: "allowed an object with encode and decode" },
    )
    .optional(),
  stagingBytes: integerWithin(
    LIMITS.stagingBytesMin,
    LIMITS.stagingBytesMax,
    "bytes",
  ).optional(),
  exclusive: yesOrNo.optional(),
};

const connectSchema = z.strictObject(
  {
    ...handleShape,
    observe: yesOrNo.optional(),
    shared: yesOrNo.optional(),
  },
  {
    error: (issue) =>
      issue.code === "unrecognized_keys" ? undefined : "allowed an object",
  },
);

const createSchema = z.strictObject(
  {
    ...handleShape,
    maxMessages: integerWithin(1, LIMITS.messagesMax, "messages").optional(),
    maxMessageSize: integerWithin(1, LIMITS.bodyBytesMax, "bytes").optional(),
    maxHeadersSize: integerWithin(
      0,
      LIMITS.headersBytesMax,
      "bytes",
    ).optional(),
    maxParticipants: integerWithin(
      1,
      LIMITS.participantsMax,
      "participants",
    ).optional(),
    maxDead: integerWithin(1, LIMITS.messagesMax, "dead letters").optional(),
    maxDeliver: integerWithin(1, LIMITS.deliverMax, "deliveries").optional(),
    leaseMs: integerWithin(1, LIMITS.leaseMsMax, "milliseconds").optional(),
    journal: z
      .strictObject({
        sync: oneOf("process", "interval", "sync").optional(),
        intervalMs: integerWithin(1, 60_000, "milliseconds").optional(),
      })
      .optional(),
    mode: integerWithin(
      0o600,
      0o666,
      "permission bits, the owner reads and writes, nobody executes",
    )
      .refine((mode) => (mode & 0o611) === 0o600, {
        error: "allowed permission bits 0o600, and 0o060 and 0o006 on top",
      })
      .optional(),
    ifExists: oneOf("fail", "connect").optional(),
    reopen: yesOrNo.optional(),
  },
  {
    error: (issue) =>
      issue.code === "unrecognized_keys" ? undefined : "allowed an object",
  },
);

const consumeSchema = z.strictObject({
  signal: z
    .instanceof(AbortSignal, { error: "allowed an AbortSignal" })
    .optional(),
  leaseMs: integerWithin(1, LIMITS.leaseMsMax, "milliseconds").optional(),
  untilEmpty: yesOrNo.optional(),
  untilEnd: yesOrNo.optional(),
  prefetch: integerWithin(1, LIMITS.prefetchMax, "jobs").optional(),
});

/** @throws {TypeError} @throws {RangeError} */
export function checkCreateOptions<T>(
  options: CreateOptions<T>,
): CreateOptions<T> {
  return checkOptions(
    createSchema,
    options,
    "CrossProcessQueue.create",
  ) as CreateOptions<T>;
}

/** @throws {TypeError} @throws {RangeError} */
export function checkConnectOptions<T>(
  options: ConnectOptions<T>,
): ConnectOptions<T> {
  return checkOptions(
    connectSchema,
    options,
    "CrossProcessQueue.connect",
  ) as ConnectOptions<T>;
}

/** @throws {TypeError} @throws {RangeError} */
export function checkConsumeOptions(options: ConsumeOptions): ConsumeOptions {
  return checkOptions(consumeSchema, options, "consume") as ConsumeOptions;
}

/**
 * A whole number within bounds, for the calls that are too frequent for a schema.
 *
 * @throws {TypeError} when it is no number
 * @throws {RangeError} when it is out of bounds
 */
export function checkInteger(
  value: number,
  what: string,
  min: number,
  max: number,
): number {
  if (typeof value !== "number")
    throw new TypeError(
      `${what}: given ${typeof value}, allowed an integer from ${min} to ${max}`,
    );
  if (!Number.isInteger(value) || value < min || value > max)
    throw new RangeError(
      `${what}: given ${value}, allowed an integer from ${min} to ${max}`,
    );
  return value;
}

/** Milliseconds of a lease for the shim; 0 stands for the queue's own. */
export function checkLeaseMs(leaseMs: number | undefined): number {
  return leaseMs === undefined
    ? 0
    : checkInteger(leaseMs, "leaseMs", 1, LIMITS.leaseMsMax);
}

/**
 * Memory of the caller's that a body is to be copied into. Looked at before each attempt: it may be detached meanwhile.
 *
 * @throws {TypeError} when it is no Uint8Array, or of a buffer that is resizable, shared or detached
 */
export function checkInto(
  into: Uint8Array | undefined,
): Uint8Array | undefined {
  if (into === undefined) return undefined;
  if (!(into instanceof Uint8Array))
    throw new TypeError(
      `into: given ${into === null ? "null" : typeof into}, allowed a Uint8Array`,
    );
  const { buffer } = into;
  const wrong = !(buffer instanceof ArrayBuffer)
    ? "shared"
    : buffer.detached
      ? "detached"
      : buffer.resizable
        ? "resizable"
        : undefined;
  if (wrong !== undefined)
    throw new TypeError(
      `into: given a Uint8Array of a buffer that is ${wrong}, allowed one that is not`,
    );
  return into;
}
