/** The body of an error frame: how a request failed. */
import { truncateText } from "./byte_text.ts";
import { WireMalformedError } from "./errors.ts";
import { FieldReader, FieldWriter } from "./fields.ts";

/** How a request failed. */
export interface ErrorBody {
  /** Stable name of the condition, e.g. `"QueueFull"`. At most 64 bytes. */
  readonly code: string;
  /** For people. Cut off at 512 bytes. @default "" */
  readonly message?: string;
  /** Whether the same request may succeed later. @default false */
  readonly retryable?: boolean;
  /** Not to be tried again before. */
  readonly retryAfterMs?: number | undefined;
  /** More, as JSON. At most 256 bytes, so that every receiver takes an error in one frame. */
  readonly details?: string | undefined;
}

const Field = {
  Code: 1,
  Message: 2,
  Retryable: 3,
  RetryAfterMs: 4,
  Details: 5,
} as const;

const codeBytesMax = 64;
const messageBytesMax = 512;
const detailsBytesMax = 256;

/** The body of an error. @throws {RangeError} when a field is out of range */
export function encodeErrorBody(error: ErrorBody): Uint8Array<ArrayBuffer> {
  return new FieldWriter("error")
    .text(Field.Code, error.code, codeBytesMax)
    .text(
      Field.Message,
      truncateText(error.message ?? "", messageBytesMax),
      messageBytesMax,
    )
    .number(Field.Retryable, error.retryable === true ? 1 : 0, 1)
    .number(Field.RetryAfterMs, error.retryAfterMs, 4)
    .text(Field.Details, error.details, detailsBytesMax)
    .finish();
}

/** Reads the body of an error. @throws {WireError} for a body that is refused */
export function decodeErrorBody(
  body: Uint8Array,
): ErrorBody & { readonly message: string; readonly retryable: boolean } {
  const reader = new FieldReader("error", body);
  const retryable = reader.number(Field.Retryable, 1) ?? 0;
  if (retryable > 1)
    throw new WireMalformedError(`error: retryable: given ${retryable}`);
  return {
    code: reader.requiredText(Field.Code, codeBytesMax),
    message: reader.text(Field.Message, messageBytesMax) ?? "",
    retryable: retryable === 1,
    retryAfterMs: reader.number(Field.RetryAfterMs, 4),
    details: reader.text(Field.Details, detailsBytesMax),
  };
}
