/** What is measured of a connection, whoever made it: Ringwire, a raw socket, or a peer. */

/** The asking end of one connection. */
export interface WireClient {
  /** Sends one way, if that can be done now. Undefined where there is no such thing. */
  readonly trySend: ((body: Uint8Array) => boolean) | undefined;
  /** Sends one way as soon as there is room. */
  send(body: Uint8Array): Promise<unknown>;
  /** Gives what the other end answers: the same body, or to one of `countBytes` how many messages came one way since it was asked last. */
  request(body: Uint8Array): Promise<Uint8Array>;
}

/** The length of the request that asks how many messages came. */
export const countBytes = 1;

/** What answers requests, and counts what comes one way. */
export class WireServer {
  #messages = 0;

  /** A message came one way. */
  readonly message = (): void => {
    this.#messages += 1;
  };

  /** The answer to a request. */
  readonly answer = (body: Uint8Array): Uint8Array => {
    if (body.length !== countBytes) return body;
    const answer = new Uint8Array(8);
    new DataView(answer.buffer).setFloat64(0, this.#messages);
    this.#messages = 0;
    return answer;
  };
}

/** What the answer to a request of `countBytes` says. */
export function countIn(answer: Uint8Array): number {
  return new DataView(
    answer.buffer,
    answer.byteOffset,
    answer.byteLength,
  ).getFloat64(0);
}
