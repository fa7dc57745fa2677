/** One connection of a worker: what is known of it. What happens to it is in `connections.ts`. */
import { type Handle, handleOf, wordAt } from "../../../ffi/host.ts";
import type { UcxError } from "../errors.ts";
import { Counters } from "../statistics.ts";
import { anyTagMask, exactMask, wireTag } from "../tags.ts";

/**
 * - `connecting`: until the handshake is through
 * - `open`
 * - `leaving`: we said goodbye
 * - `left`: the peer said goodbye; what it sent can be received
 * - `closed`: UCX has let go of it; what had arrived can still be received
 */
export type EndpointState =
  "connecting" | "open" | "leaving" | "left" | "closed";

/** Why a connection ended. */
export interface CloseInfo {
  readonly endpointId: number;
  /** Who ended it. */
  readonly by: "us" | "peer";
  /** Whether both sides had said goodbye and everything had arrived. */
  readonly orderly: boolean;
  /** What went wrong, if anything did. */
  readonly error: UcxError | undefined;
  /** Tagged messages that the peer says it sent; undefined without a goodbye. */
  readonly messagesSentByPeer: number | undefined;
  /** Tagged messages of it that were received. */
  readonly messagesReceived: number;
}

/** Which messages a receive takes: those whose tag is `tag` in the bits of `mask`. */
export interface TagMatch {
  /** For UCX. */
  readonly tag: Handle;
  readonly mask: Handle;
  /** The address of both, for `rwu_take`; in memory that `words` keeps. */
  readonly handle: Handle;
  readonly words: BigUint64Array<ArrayBuffer>;
  /** The same as bigints. */
  readonly tagBits: bigint;
  readonly maskBits: bigint;
  /** Set when only messages of one connection match. */
  readonly endpoint: Endpoint | undefined;
}

/** Tags of a connection that are remembered with what UCX is given for them. */
const rememberedTagsMax = 64;

/** Makes a match; keep it, since this costs more than the call that it is for. */
export function tagMatch(
  tagBits: bigint,
  maskBits: bigint,
  endpoint: Endpoint | undefined,
): TagMatch {
  const words = new BigUint64Array([tagBits, maskBits]);
  return {
    tag: wordAt(tagBits),
    mask: wordAt(maskBits),
    handle: handleOf(words),
    words,
    tagBits,
    maskBits,
    endpoint,
  };
}

function remember<Value>(
  table: Map<number | bigint, Value>,
  tag: number | bigint,
  value: Value,
): Value {
  if (table.size >= rememberedTagsMax) table.clear();
  table.set(tag, value);
  return value;
}

/** A connection. */
export class Endpoint {
  /** What the user calls it; unique in the worker's life. */
  readonly id: number;
  /** What the peer puts into the tags of its messages to us. */
  readonly wireId: number;
  /** 0 before its turn to connect has come, and when UCX has let go of it. */
  handle: Handle = 0;
  state: EndpointState = "connecting";
  /** Why its peer's hello is answered with a refusal, if so. */
  refusedFor: string | undefined;
  /** `host:port`, or empty for one by worker address. */
  readonly remoteAddress: string;
  /** Whether we connected. */
  readonly initiated: boolean;
  readonly raw: boolean;
  /** What we put into the tags of our messages; 0 until it is known. */
  peerWireId = 0;
  peerName = "";
  /** The random number that the peer's worker is known by; 0 while unknown, and in raw mode. */
  peerWorkerId = 0;
  peerFeatures = 0;
  /** Whether it has said nothing else; what it cannot take would be lost without a word. */
  peerTakesTags = true;
  /** Bytes of the longest message that the peer takes. */
  peerMessageBytesMax = Number.MAX_SAFE_INTEGER;

  readonly counters = new Counters();
  /** Tagged messages handed to UCX. */
  sent = 0;
  /** How many may be, in all. */
  sendLimit = 0;
  /** The limit that the peer was told we had reached. */
  starvedAt = -1;
  /** Sends that wait for credit. */
  queuedSends = 0;
  /** Tagged messages that the user has got. */
  received = 0;
  /** Tagged messages that UCX no longer holds: received, or kept aside. */
  taken = 0;
  /** How many the peer may send, in all, and at which count of taken ones it is told of more. */
  granted = 0;
  grantAt = Number.POSITIVE_INFINITY;
  /** The peer has told that it has something to send and may not. */
  peerStarved = false;
  /** Messages that a dispatcher keeps, for which the peer got credit all the same. */
  keptMessages = 0;
  /** Receives that wait for this endpoint alone. */
  waitingReceives = 0;

  /** Stream: bytes handed to UCX, and how many may be. */
  streamSent = 0;
  streamSendLimit = 0;
  /** Stream: bytes read, how many the peer may send, and at which count it is told of more. */
  streamReceived = 0;
  streamGranted = 0;
  streamGrantAt = Number.POSITIVE_INFINITY;
  /** No more will come by its stream, and the reader was not told yet. */
  streamUnread = false;

  /** What the peer's goodbye said, if it came. */
  goodbye:
    | { readonly messagesSent: number; readonly streamBytesSent: number }
    | undefined;
  /** Whether the peer has answered our goodbye. */
  farewell = false;
  /** Whether we have said the last word, and only wait until it has left. */
  parting = false;
  /** Whether that has left, and whether the peer has answered it. */
  flushed = false;
  released = false;
  /** Whether it was us who ended it. */
  endedByUs = false;
  /** Why it does not work any more. */
  failure: UcxError | undefined;
  /** On the clock of `performance.now()`: when connecting or closing has taken too long. */
  deadlineMs = Number.POSITIVE_INFINITY;
  /** Called at each change of the state, not from within UCX. */
  readonly stateListeners = new Set<(endpoint: Endpoint) => void>();
  /** Called when more may be sent, or never will. */
  readonly creditListeners = new Set<(endpoint: Endpoint) => void>();

  /** The accept hook of the listener that it came by. */
  acceptedBy: unknown;
  /** Called with the number of a ping that the peer has answered. */
  readonly pongListeners = new Set<(sequence: number) => void>();

  // Making a bigint or a match costs more than the call that takes it.
  #lastMatchTag: number | bigint | undefined;
  #lastMatch: TagMatch | undefined;
  readonly #matches = new Map<number | bigint, TagMatch>();
  #lastTag: number | bigint | undefined;
  #lastWireTag: Handle = 0;
  readonly #wireTags = new Map<number | bigint, Handle>();
  #all: TagMatch | undefined;

  constructor(init: {
    readonly id: number;
    readonly wireId: number;
    readonly remoteAddress: string;
    readonly initiated: boolean;
    readonly raw: boolean;
  }) {
    this.id = init.id;
    this.wireId = init.wireId;
    this.remoteAddress = init.remoteAddress;
    this.initiated = init.initiated;
    this.raw = init.raw;
  }

  /** Raw peers know no credits. */
  lift(): this {
    this.sendLimit = Number.POSITIVE_INFINITY;
    this.streamSendLimit = Number.POSITIVE_INFINITY;
    return this;
  }

  /** The UCX tag of a message to the peer. */
  sendTag(tag: number | bigint): Handle {
    if (tag === this.#lastTag) return this.#lastWireTag;
    const wire =
      this.#wireTags.get(tag) ??
      remember(
        this.#wireTags,
        tag,
        wordAt(this.raw ? BigInt(tag) : wireTag(this.peerWireId, BigInt(tag))),
      );
    this.#lastTag = tag;
    this.#lastWireTag = wire;
    return wire;
  }

  /** Messages of the peer with exactly this tag. */
  match(tag: number | bigint): TagMatch {
    if (this.#lastMatch !== undefined && tag === this.#lastMatchTag)
      return this.#lastMatch;
    const match =
      this.#matches.get(tag) ??
      remember(
        this.#matches,
        tag,
        tagMatch(
          this.raw ? BigInt(tag) : wireTag(this.wireId, BigInt(tag)),
          exactMask,
          this,
        ),
      );
    this.#lastMatchTag = tag;
    this.#lastMatch = match;
    return match;
  }

  /** All messages of the peer; not in raw mode, where nothing tells whose they are. */
  get all(): TagMatch {
    this.#all ??= tagMatch(wireTag(this.wireId, 0n), anyTagMask, this);
    return this.#all;
  }
}
