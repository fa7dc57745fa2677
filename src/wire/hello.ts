/** The first frame of each side: what it speaks, what it takes, and who it is. */
import { type Compression, isCompression } from "./compression_names.ts";
import { WireMalformedError, WireVersionError } from "./errors.ts";
import { FieldReader, FieldWriter } from "./fields.ts";
import { protocolVersion, type WireLimits, wireLimitBounds } from "./limits.ts";

/** No hello may be longer than this, since its sender does not know yet what the other side takes. */
export const helloBytesMax = 4096;

/** Numbers of the fields of a hello. */
const Field = {
  VersionMin: 1,
  VersionMax: 2,
  MaxMessageBytes: 3,
  MaxFragmentBytes: 4,
  MaxHeadersBytes: 5,
  MaxHeaderCount: 6,
  MaxControlBytes: 7,
  MaxReassemblyBytes: 8,
  MaxReassemblyMessages: 9,
  CreditBytes: 10,
  CreditMessages: 11,
  Compressions: 12,
  ContentTypes: 13,
  ResumeToken: 14,
  AcceptedSequence: 15,
  OldestSequence: 16,
  Resumed: 17,
  SessionId: 18,
  NodeName: 19,
  Software: 20,
  Auth: 21,
  HeartbeatMs: 22,
} as const;

const tokenBytesMax = 512;
const nameBytesMax = 128;
const authBytesMax = 2048;
const compressionsMax = 32;
const contentTypesBytesMax = 512;

/** What one side says of itself. Limits are those of what it receives. */
export interface Hello {
  /** The lowest and the highest version that it speaks. */
  readonly version: { readonly min: number; readonly max: number };
  /** What it takes; where a hello of another implementation is silent, the defaults of the protocol. */
  readonly limits: WireLimits;
  /** Bytes of data frames that the other side may send before the first credit. @default 0 */
  readonly creditBytes: number;
  /** Messages that the other side may begin before the first credit. @default 0 */
  readonly creditMessages: number;
  /** What it can decompress. @default none */
  readonly compressions: readonly Compression[];
  /** Content types that it reads besides raw bytes, text and JSON. @default none */
  readonly contentTypes: readonly string[];
  /** From a client: the session that it goes on with. From a server: what the client shows when it comes back. */
  readonly resumeToken?: Uint8Array | undefined;
  /** The highest contiguous sequence that it has accepted from the other side in this session. @default 0 */
  readonly acceptedSequence: number;
  /** The lowest sequence that it can still send. @default 1 */
  readonly oldestSequence: number;
  /** From a server: whether the session goes on that the token named. @default false */
  readonly resumed: boolean;
  /** From a server: the name of the session. */
  readonly sessionId?: string | undefined;
  /** The name of the machine or process. */
  readonly nodeName?: string | undefined;
  /** Name and version of the software, for people who look for a fault. */
  readonly software?: string | undefined;
  /** Credentials, e.g. `Bearer …`. */
  readonly auth?: string | undefined;
  /** It sends something at least so often. @default 0, which promises nothing */
  readonly heartbeatMs: number;
}

/** What must be given to say hello; the rest has defaults. */
export type HelloInit = Partial<Hello> & Pick<Hello, "limits">;

const limitFields: readonly (readonly [number, keyof WireLimits])[] = [
  [Field.MaxMessageBytes, "maxMessageBytes"],
  [Field.MaxFragmentBytes, "maxFragmentBytes"],
  [Field.MaxHeadersBytes, "maxHeadersBytes"],
  [Field.MaxHeaderCount, "maxHeaderCount"],
  [Field.MaxControlBytes, "maxControlBytes"],
  [Field.MaxReassemblyBytes, "maxReassemblyBytes"],
  [Field.MaxReassemblyMessages, "maxReassemblyMessages"],
];

/**
 * The body of a hello.
 *
 * @throws {RangeError} when a field is out of range, or all of them are too long together
 */
export function encodeHello(hello: HelloInit): Uint8Array<ArrayBuffer> {
  const writer = new FieldWriter("hello");
  const version = hello.version ?? protocolVersion;
  writer.number(Field.VersionMin, version.min, 1);
  writer.number(Field.VersionMax, version.max, 1);
  for (const [key, name] of limitFields)
    writer.number(key, hello.limits[name], 4);
  writer.number(Field.CreditBytes, hello.creditBytes, 8);
  writer.number(Field.CreditMessages, hello.creditMessages, 8);
  if (hello.compressions !== undefined)
    writer.bytes(
      Field.Compressions,
      Uint8Array.from(hello.compressions),
      compressionsMax,
    );
  if (hello.contentTypes !== undefined)
    writer.text(
      Field.ContentTypes,
      hello.contentTypes.join(","),
      contentTypesBytesMax,
    );
  writer.bytes(Field.ResumeToken, hello.resumeToken, tokenBytesMax);
  writer.number(Field.AcceptedSequence, hello.acceptedSequence, 8);
  writer.number(Field.OldestSequence, hello.oldestSequence, 8);
  if (hello.resumed !== undefined)
    writer.number(Field.Resumed, hello.resumed ? 1 : 0, 1);
  writer.text(Field.SessionId, hello.sessionId, nameBytesMax);
  writer.text(Field.NodeName, hello.nodeName, nameBytesMax);
  writer.text(Field.Software, hello.software, nameBytesMax);
  writer.text(Field.Auth, hello.auth, authBytesMax);
  writer.number(Field.HeartbeatMs, hello.heartbeatMs, 4);
  const body = writer.finish();
  if (body.length > helloBytesMax)
    throw new RangeError(
      `hello: given ${body.length} bytes, allowed at most ${helloBytesMax}`,
    );
  return body;
}

/** Limits that were announced, as far as they are within bounds. */
function readLimits(reader: FieldReader): WireLimits {
  const limits: Record<string, number> = {};
  for (const [key, name] of limitFields) {
    const [min] = wireLimitBounds[name];
    const value = reader.number(key, 4) ?? protocolDefaults[name];
    if (value < min)
      throw new WireMalformedError(
        `hello: ${name}: given ${value}, allowed at least ${min}`,
      );
    limits[name] = value;
  }
  return limits as unknown as WireLimits;
}

/** What a hello that is silent about a limit means; part of the protocol, and never changed. */
const protocolDefaults: WireLimits = {
  maxMessageBytes: 32_768,
  maxFragmentBytes: 32_768,
  maxHeadersBytes: 8192,
  maxHeaderCount: 64,
  maxControlBytes: 4096,
  maxReassemblyBytes: 32_768,
  maxReassemblyMessages: 1,
};

/**
 * Reads the body of a hello. Compressions that are not known are left out.
 *
 * @throws {WireError} for a body that is refused
 */
export function decodeHello(body: Uint8Array): Hello {
  const reader = new FieldReader("hello", body);
  const min = reader.required(Field.VersionMin, 1);
  const max = reader.required(Field.VersionMax, 1);
  if (min > max || min === 0)
    throw new WireMalformedError(`hello: versions from ${min} to ${max}`);
  const resumed = reader.number(Field.Resumed, 1) ?? 0;
  if (resumed > 1)
    throw new WireMalformedError(`hello: resumed: given ${resumed}`);
  const contentTypes = reader.text(Field.ContentTypes, contentTypesBytesMax);
  return {
    version: { min, max },
    limits: readLimits(reader),
    creditBytes: reader.number(Field.CreditBytes, 8) ?? 0,
    creditMessages: reader.number(Field.CreditMessages, 8) ?? 0,
    compressions: [
      ...(reader.bytes(Field.Compressions, compressionsMax) ?? []),
    ].filter(isCompression),
    contentTypes:
      contentTypes === undefined || contentTypes === ""
        ? []
        : contentTypes.split(",").map((type) => type.trim()),
    resumeToken: reader.bytes(Field.ResumeToken, tokenBytesMax),
    acceptedSequence: reader.number(Field.AcceptedSequence, 8) ?? 0,
    oldestSequence: reader.number(Field.OldestSequence, 8) ?? 1,
    resumed: resumed === 1,
    sessionId: reader.text(Field.SessionId, nameBytesMax),
    nodeName: reader.text(Field.NodeName, nameBytesMax),
    software: reader.text(Field.Software, nameBytesMax),
    auth: reader.text(Field.Auth, authBytesMax),
    heartbeatMs: reader.number(Field.HeartbeatMs, 4) ?? 0,
  };
}

/**
 * The version that both sides speak: the highest one.
 *
 * @throws {WireVersionError} when there is none
 */
export function negotiateVersion(
  theirs: Hello["version"],
  ours: Hello["version"] = protocolVersion,
): number {
  const version = Math.min(theirs.max, ours.max);
  if (version < theirs.min || version < ours.min)
    throw new WireVersionError(
      `versions of the protocol: the other side speaks ${theirs.min} to ${theirs.max}, this one ${ours.min} to ${ours.max}`,
    );
  return version;
}

/**
 * The sequence of the first message that a side sends after both hellos. The other side has missed something when it is
 * above what that side has accepted plus one.
 */
export function firstSequence(
  sender: Pick<Hello, "oldestSequence">,
  receiver: Pick<Hello, "acceptedSequence">,
): number {
  return Math.max(receiver.acceptedSequence + 1, sender.oldestSequence);
}

/** What this side compresses with, best first: what it may use and the other side can take apart. */
export function negotiateCompression(
  allowed: readonly Compression[],
  theirs: Pick<Hello, "compressions">,
): Compression | undefined {
  return allowed.find((name) => theirs.compressions.includes(name));
}
