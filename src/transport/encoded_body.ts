/** Bodies as bytes, when they are needed before a session sends them. */
import { jsonCodec, textCodec } from "../wire/codecs.ts";
import type { MessageBody, MessageOptions } from "./message.ts";

/** A body as bytes, with what is sent beside it. */
export interface EncodedBody<Options extends MessageOptions> {
  readonly payload: Uint8Array;
  readonly options: Options;
}

/** The body as bytes, and options that say what they are. Bytes are not copied. */
export function encodeBody<Options extends MessageOptions>(
  body: MessageBody,
  options: Options,
): EncodedBody<Options> {
  if (body instanceof Uint8Array) return { payload: body, options };
  const codec = typeof body === "string" ? textCodec : jsonCodec;
  return {
    payload: codec.encode(body),
    options: {
      ...options,
      contentType: options.contentType ?? codec.contentType,
    },
  };
}
