/** docs/protocol/vectors.json: what it says in words, as the module's own values. */
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import {
  decodeCredit,
  decodeErrorBody,
  decodeFin,
  decodeGoodbye,
  decodeHello,
  encodeErrorBody,
  encodeFin,
  encodeGoodbye,
  encodeHello,
  FrameKind,
  type MessageHeaders,
  writeCredit,
} from "../../src/wire/mod.ts";
import { fromHex, toHex } from "./wire_frames.ts";

/** A frame, and what it says. */
export interface FrameVector {
  readonly name: string;
  readonly hex: string;
  readonly kind: number;
  readonly flags: number;
  readonly priority: number;
  readonly id: number;
  /** Decimal digits. */
  readonly tag: string;
  /** Only of the first of several fragments. */
  readonly totalBytes?: number;
  readonly headers?: MessageHeaders;
  /** Of data frames, ping and pong. */
  readonly payloadHex?: string;
  /** Of the others and of errors; tokens are hexadecimal digits. */
  readonly body?: Readonly<Record<string, unknown>>;
}

/** Bytes that a receiver refuses, and with which close code. */
export interface RefusedVector {
  readonly name: string;
  readonly hex: string;
  readonly code: string;
  readonly closeCode: number;
}

/** A compressed payload; other compressors make other bytes of the same. */
export interface CompressedVector {
  readonly name: string;
  readonly hex: string;
  readonly payloadText: string;
}

/** The whole file. */
export interface Vectors {
  readonly version: number;
  readonly frames: readonly FrameVector[];
  readonly refused: readonly RefusedVector[];
  readonly compressed: readonly CompressedVector[];
}

/** The vectors. */
export const vectors = JSON.parse(
  readFileSync(
    fileURLToPath(new URL("../../docs/protocol/vectors.json", import.meta.url)),
    "utf8",
  ),
) as Vectors;

type Body = Record<string, unknown>;

/** What a body says, with tokens as hexadecimal digits and without what is undefined. */
export function readBody(kind: number, payload: Uint8Array): Body | undefined {
  const decoders: Readonly<Record<number, (body: Uint8Array) => object>> = {
    [FrameKind.Error]: decodeErrorBody,
    [FrameKind.Hello]: decodeHello,
    [FrameKind.Goodbye]: decodeGoodbye,
    [FrameKind.Credit]: decodeCredit,
    [FrameKind.Fin]: decodeFin,
  };
  const decode = decoders[kind];
  if (decode === undefined) return undefined;
  const body: Body = { ...decode(payload) };
  if (body.resumeToken instanceof Uint8Array)
    body.resumeToken = toHex(body.resumeToken);
  return Object.fromEntries(
    Object.entries(body).filter(([, value]) => value !== undefined),
  );
}

/** The body that says so. */
export function writeBody(kind: number, said: Body): Uint8Array {
  const token = said.resumeToken;
  const body = (
    typeof token === "string" ? { ...said, resumeToken: fromHex(token) } : said
  ) as never;
  switch (kind) {
    case FrameKind.Error:
      return encodeErrorBody(body);
    case FrameKind.Hello:
      return encodeHello(body);
    case FrameKind.Goodbye:
      return encodeGoodbye(body);
    case FrameKind.Fin:
      return encodeFin(body);
    case FrameKind.Credit: {
      const bytes = new Uint8Array(24);
      writeCredit(bytes, 0, body);
      return bytes;
    }
    default:
      throw new Error(`kind ${kind} has no fields`);
  }
}
