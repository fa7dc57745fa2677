/** What a session is made with. */
import { PayloadCodecs } from "../../wire/codecs.ts";
import type { Compression } from "../../wire/compression_names.ts";
import { type WireLimits, wireLimits } from "../../wire/limits.ts";
import type {
  MessageListener,
  RequestListener,
  Session,
  SessionEnd,
  SessionState,
} from "../session.ts";
import { type SessionClock, systemClock } from "./clock.ts";

/** Sequences of messages, both ends included. */
export interface SequenceRange {
  readonly first: number;
  readonly last: number;
}

/** Who hears of what happens. All may be changed while the session runs: they are looked up at each event. */
export interface SessionListeners {
  onMessage?: MessageListener | undefined;
  /** Without it, requests are answered with a `NoResponderError`. */
  onRequest?: RequestListener | undefined;
  onEnd?: ((end: SessionEnd, session: Session) => void) | undefined;
  /** What a handler has thrown, and other faults that end nothing. */
  onError?: ((error: unknown, session: Session) => void) | undefined;
  onStateChange?: ((state: SessionState, session: Session) => void) | undefined;
  /** `trySend` has said false, and there is room again. */
  onWritable?: ((session: Session) => void) | undefined;
  /** Messages of the peer that were lost with a connection: it could not send them again. */
  onGap?: ((lost: SequenceRange, session: Session) => void) | undefined;
  /** Messages of ours that were lost with a connection, or may have been. */
  onUnconfirmed?:
    ((unknown: SequenceRange, session: Session) => void) | undefined;
}

/** What is kept for a peer that comes back. */
export interface ReplayBounds {
  /** @default 1048576 */
  readonly bytes?: number | undefined;
  /** @default 16384 */
  readonly messages?: number | undefined;
  /** How long a message is kept. @default 60000 */
  readonly ageMs?: number | undefined;
}

/** Options of a session. */
export interface SessionOptions {
  /** Whether this side has opened the connection. */
  readonly role: "client" | "server";
  /** Of a server's session; a client's has the one that the server says. @default a random one */
  readonly id?: string | undefined;
  readonly listeners?: SessionListeners | undefined;
  /** What this side takes. */
  readonly limits?: Partial<WireLimits> | undefined;
  /** Bytes that the peer may have under way to us and in our handlers. @default 262144 */
  readonly creditBytes?: number | undefined;
  /** Messages that the peer may have under way to us and in our handlers. @default 4096 */
  readonly creditMessages?: number | undefined;
  /** Bytes that may wait to be sent before `trySend` says false. @default 1048576 */
  readonly queueBytes?: number | undefined;
  /** Messages that may wait to be sent before `trySend` says false. @default 16384 */
  readonly queueMessages?: number | undefined;
  /** Requests of ours that may wait for an answer. @default 65536 */
  readonly pendingRequests?: number | undefined;
  /** This side sends something at least so often; 0 promises nothing. @default 15000 */
  readonly heartbeatMs?: number | undefined;
  /** How long the peer's hello may take. @default 10000 */
  readonly helloTimeoutMs?: number | undefined;
  /** How long `close` waits for the peer. @default 5000 */
  readonly closeTimeoutMs?: number | undefined;
  /** How long `drain` waits. @default 30000 */
  readonly drainTimeoutMs?: number | undefined;
  /** Of `request`, where it does not say. @default 30000 */
  readonly requestTimeoutMs?: number | undefined;
  /** Of `send` and `ping`, where they do not say. @default 30000 */
  readonly sendTimeoutMs?: number | undefined;
  /** What payloads may be compressed with, best first. @default none */
  readonly compressions?: readonly Compression[] | undefined;
  /** Payloads below this are sent as they are. @default 1024 */
  readonly compressionThresholdBytes?: number | undefined;
  /** @default bytes, text, JSON */
  readonly codecs?: PayloadCodecs | undefined;
  /** From a server: the session outlives its connection, and this is what the peer shows to come back. A client's outlives it when the server has given it a token. @default none */
  readonly resumeToken?: Uint8Array | undefined;
  /** From a client: whether it comes back to a session whose connection was lost. @default false */
  readonly resumes?: boolean | undefined;
  readonly replay?: ReplayBounds | undefined;
  /** Whether the session may go on over another connection after the peer's goodbye with this code. @default never */
  readonly goesOnAfter?: ((code: number) => boolean) | undefined;
  readonly nodeName?: string | undefined;
  readonly software?: string | undefined;
  /** From a client: credentials. */
  readonly auth?: string | undefined;
  readonly clock?: SessionClock | undefined;
}

type Defined<T> = { [Name in keyof T]-?: Exclude<T[Name], undefined> };
type Optional =
  | "id"
  | "resumeToken"
  | "goesOnAfter"
  | "nodeName"
  | "software"
  | "auth"
  | "limits"
  | "replay";

/** Options with their defaults. */
export type SessionSettings = Defined<Omit<SessionOptions, Optional>> &
  Pick<SessionOptions, Exclude<Optional, "limits" | "replay">> & {
    readonly limits: WireLimits;
    readonly replay: Defined<ReplayBounds>;
  };

const numbers = {
  creditBytes: [262_144, 65_536, 2 ** 31],
  creditMessages: [4096, 2, 2 ** 20],
  queueBytes: [1_048_576, 1024, 2 ** 31],
  queueMessages: [16_384, 1, 2 ** 20],
  pendingRequests: [65_536, 1, 2 ** 20],
  heartbeatMs: [15_000, 0, 3_600_000],
  helloTimeoutMs: [10_000, 1, 3_600_000],
  closeTimeoutMs: [5000, 1, 3_600_000],
  drainTimeoutMs: [30_000, 1, 86_400_000],
  requestTimeoutMs: [30_000, 1, 2 ** 31 - 1],
  sendTimeoutMs: [30_000, 1, 2 ** 31 - 1],
  compressionThresholdBytes: [1024, 0, 2 ** 30],
} as const;

const replayNumbers = {
  bytes: [1_048_576, 0, 2 ** 30],
  messages: [16_384, 0, 2 ** 20],
  ageMs: [60_000, 1, 86_400_000],
} as const;

function settle<Name extends string>(
  table: Readonly<Record<Name, readonly [number, number, number]>>,
  given: Readonly<Partial<Record<NoInfer<Name>, number | undefined>>>,
): Record<Name, number> {
  const settled = {} as Record<Name, number>;
  for (const name of Object.keys(table) as Name[]) {
    const [usual, min, max] = table[name];
    const value = given[name] ?? usual;
    if (!Number.isInteger(value) || value < min || value > max)
      throw new RangeError(
        `${name}: given ${value}, allowed an integer from ${min} to ${max}`,
      );
    settled[name] = value;
  }
  return settled;
}

/**
 * Options with their defaults.
 *
 * @throws {RangeError} when one is out of bounds
 */
export function sessionSettings(options: SessionOptions): SessionSettings {
  const limits = wireLimits(options.limits);
  const settled = settle(numbers, options);
  // With less, a peer that waits for room for its longest frame would wait for ever.
  const least = 2 * (24 + 8 + limits.maxHeadersBytes + limits.maxFragmentBytes);
  if (settled.creditBytes < least)
    throw new RangeError(
      `creditBytes: given ${settled.creditBytes}, allowed at least ${least}: two frames of the greatest length`,
    );
  return {
    ...settled,
    role: options.role,
    id: options.id,
    listeners: options.listeners ?? {},
    limits,
    compressions: options.compressions ?? [],
    codecs: options.codecs ?? new PayloadCodecs(),
    resumeToken: options.resumeToken,
    resumes: options.resumes ?? false,
    replay: settle(replayNumbers, options.replay ?? {}),
    goesOnAfter: options.goesOnAfter,
    nodeName: options.nodeName,
    software: options.software,
    auth: options.auth,
    clock: options.clock ?? systemClock,
  };
}
