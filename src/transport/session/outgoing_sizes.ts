/** What the peer takes, and what compression makes of it. */
import { compressPayload } from "../../wire/compression.ts";
import type { Compression } from "../../wire/compression_names.ts";
import { WireTooLargeError } from "../../wire/errors.ts";
import { FrameFlag, FrameKind } from "../../wire/kinds.ts";
import type { WireLimits } from "../../wire/limits.ts";
import type { Outgoing } from "./outgoing.ts";

/** @param limits of the peer, if they are known @throws {WireTooLargeError} when it takes no message of that size */
export function checkSizes(
  outgoing: Outgoing,
  limits: WireLimits | undefined,
): void {
  if (limits === undefined) return;
  const { maxMessageBytes, maxHeadersBytes } = limits;
  const payloadBytes = outgoing.payload.length;
  if (payloadBytes > maxMessageBytes)
    throw new WireTooLargeError(
      "payload bytes of a message",
      payloadBytes,
      maxMessageBytes,
    );
  const headersBytes = outgoing.headers?.length ?? 0;
  if (headersBytes > maxHeadersBytes)
    throw new WireTooLargeError(
      "bytes of headers",
      headersBytes,
      maxHeadersBytes,
    );
}

/** Compresses the payload when it is long enough and becomes smaller. */
export function packPayload(
  outgoing: Outgoing,
  compression: Compression,
  thresholdBytes: number,
): void {
  if (outgoing.flags !== 0 || outgoing.kind === FrameKind.Error) return;
  const packed = compressPayload(compression, outgoing.payload, {
    thresholdBytes,
  });
  if (packed === undefined) return;
  outgoing.savedBytes = outgoing.payload.length - packed.length;
  outgoing.payload = packed;
  outgoing.flags = FrameFlag.Compressed;
  outgoing.isOwn = true;
}
