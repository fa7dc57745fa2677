/**
 * How many tagged messages each side may send: UCX itself keeps unexpected messages without a bound.
 *
 * A receiver grants more each time that half of a window was taken out of UCX, so a slow reader only slows its peer down.
 * A sender that runs out says so ("starved"); only when the receiver waits for a message that may lie behind those that it
 * has not asked for are these taken out of the way.
 */
import type { ControlMessage } from "./control_messages.ts";
import type { Endpoint } from "./endpoint.ts";

/** What it needs of the worker. */
export interface TagCreditContext {
  readonly raw: boolean;
  readonly creditMessages: number;
  sendControl(endpoint: Endpoint, message: ControlMessage): void;
}

/** The credits of one worker's connections, in both directions. */
export class TagCredit {
  readonly #context: TagCreditContext;
  readonly #starved = new Set<Endpoint>();
  /** Receives that wait for a message of whatever connection. */
  #waitingForAny = 0;

  constructor(context: TagCreditContext) {
    this.#context = context;
  }

  /** Whether the peer has room for one more; if not, it is told that we wait. */
  maySend(endpoint: Endpoint): boolean {
    if (endpoint.sent < endpoint.sendLimit) return true;
    if (endpoint.starvedAt !== endpoint.sendLimit) {
      endpoint.starvedAt = endpoint.sendLimit;
      this.#context.sendControl(endpoint, {
        kind: "starved",
        receiverId: endpoint.peerWireId,
        messagesSent: endpoint.sent,
        streamBytesSent: endpoint.streamSent,
      });
    }
    return false;
  }

  /** Counts a message that UCX no longer holds. */
  took(endpoint: Endpoint): void {
    if (++endpoint.taken >= endpoint.grantAt) this.grant(endpoint);
  }

  /** Tells the peer how many messages it may send by now. */
  grant(endpoint: Endpoint): void {
    const { creditMessages } = this.#context;
    this.#starved.delete(endpoint);
    endpoint.peerStarved = false;
    endpoint.granted = endpoint.taken + endpoint.keptMessages + creditMessages;
    endpoint.grantAt = endpoint.taken + Math.ceil(creditMessages / 2);
    this.#context.sendControl(endpoint, {
      kind: "credit",
      receiverId: endpoint.peerWireId,
      messagesGranted: endpoint.granted,
      streamBytesGranted: endpoint.streamGranted,
    });
  }

  /**
   * The peer has something to send and may not. At least half a window of its messages is here or on its way then, or it
   * would have been granted more.
   *
   * @param messagesSent what it had sent: a later grant has crossed the news
   */
  onStarved(endpoint: Endpoint, messagesSent: number): void {
    if (messagesSent < endpoint.granted) return;
    endpoint.peerStarved = true;
    this.#starved.add(endpoint);
  }

  /** How many peers wait for credit. */
  get starvedCount(): number {
    return this.#starved.size;
  }

  /** A receive waits, for one connection or for any. */
  waits(endpoint: Endpoint | undefined): void {
    if (endpoint === undefined) this.#waitingForAny++;
    else endpoint.waitingReceives++;
  }

  /** It does not wait any more, however it ended. */
  waitsNoMore(endpoint: Endpoint | undefined): void {
    if (endpoint === undefined) this.#waitingForAny--;
    else endpoint.waitingReceives--;
  }

  /** Peers that wait for credit while a receive waits for what may lie behind their messages. */
  deadlocked(): Endpoint[] {
    const found: Endpoint[] = [];
    for (const endpoint of this.#starved) {
      if (endpoint.state === "closed") this.#starved.delete(endpoint);
      else if (this.#waitingForAny > 0 || endpoint.waitingReceives > 0)
        found.push(endpoint);
    }
    return found;
  }

  /** Peers that wait for credit, of those that a receive asks: one, or any. */
  starved(endpoint: Endpoint | undefined): Endpoint[] {
    if (endpoint === undefined) return [...this.#starved];
    return this.#starved.has(endpoint) ? [endpoint] : [];
  }
}
