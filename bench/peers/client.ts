/** What a peer's client has to be able to do, so that the same programs measure all of them. */

/** Queues that deliver again what was not acknowledged, and run a server. */
export type ServerPeer =
  "redis-streams" | "bullmq" | "beanstalkd" | "jetstream";

/** Everything that the programs of the peers know how to open. */
export type PeerName = ServerPeer | "unix-socket" | "ringwire";

/** Text where the client makes text of a body anyway, else the bytes as they came. */
export type Body = string | Uint8Array;

/** Where a client connects to. */
export interface PeerAddress {
  readonly peer: PeerName;
  /** A unix socket's path, or a port of the loopback address; nothing for Ringwire. */
  readonly address: string;
  /** Stream, tube, subject or queue. */
  readonly name: string;
  /** How long a message stays leased without a sign of its consumer, where a peer has to guess whether that still lives. */
  readonly leaseMs: number;
}

/** Puts messages in. */
export interface PeerProducer {
  /** Resolves when the peer has accepted all; they are sent in as few writes as the client can. */
  put(bodies: readonly string[]): Promise<unknown>;
}

/** Takes messages out. */
export interface PeerConsumer {
  /**
   * Takes up to `batch` messages at a time, for ever. Each is given to `handle` as soon as it is there, and is acknowledged
   * once `handle` has returned. A lease that another consumer has lost is taken over by the peer's own mechanism.
   */
  consume(batch: number, handle: (body: Body) => void): Promise<unknown>;
  /** Resolves when `count` messages are leased; they are never acknowledged. */
  hold(count: number): Promise<unknown>;
}

/** Both ends. */
export interface PeerClient extends PeerProducer, PeerConsumer {}

/** Of every message. */
export const bodyBytes = 64;
