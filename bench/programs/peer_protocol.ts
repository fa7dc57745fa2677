/** What the programs that measure a peer share: their argument, and a connection that counts replies. */

/** What both programs are given. */
export interface PeerArgument {
  readonly peer: "redis-streams" | "beanstalkd";
  readonly socket: string;
  /** Messages per turn; they are sent in one write, and so are their acknowledgements. */
  readonly batch: number;
  readonly report: string;
  /** Stream or tube. */
  readonly stream: string;
}

/** Takes one reply off the text, from `at`: where it ends, or -1 when it is not whole yet. */
export type ReplyEnd = (text: string, at: number) => number;

/** A producer's or consumer's end of one peer. */
export interface PeerClient {
  prepare(): Promise<void>;
  /** Resolves when the peer has accepted all. */
  put(count: number): Promise<void>;
  /** Takes up to `count` and acknowledges them; how many. */
  takeAndAcknowledge(count: number): Promise<number>;
}

/** A connection over a unix socket. Bodies are ASCII, so text offsets are byte offsets. */
export class Connection {
  readonly #socket: Bun.Socket;
  readonly #replyEnd: ReplyEnd;
  readonly #waiting: {
    count: number;
    replies: string[];
    resolve(replies: string[]): void;
  }[] = [];
  #text = "";
  #unsent: Uint8Array | undefined;

  private constructor(socket: Bun.Socket, replyEnd: ReplyEnd) {
    this.#socket = socket;
    this.#replyEnd = replyEnd;
  }

  static async open(path: string, replyEnd: ReplyEnd): Promise<Connection> {
    let connection: Connection | undefined;
    const socket = await Bun.connect({
      unix: path,
      socket: {
        data: (_socket, bytes) => connection?.receive(bytes.toString("latin1")),
        drain: () => connection?.flush(),
        error: (_socket, error) => {
          throw error;
        },
      },
    });
    connection = new Connection(socket, replyEnd);
    return connection;
  }

  /** Sends requests in one write and waits for `count` replies. */
  ask(requests: string, count: number): Promise<string[]> {
    return new Promise((resolve) => {
      this.#waiting.push({ count, replies: [], resolve });
      const bytes = new TextEncoder().encode(requests);
      const written = this.#socket.write(bytes);
      if (written < bytes.byteLength)
        this.#unsent = bytes.subarray(Math.max(0, written));
    });
  }

  /** Sends what the socket did not take before. */
  flush(): void {
    if (this.#unsent === undefined) return;
    const rest = this.#unsent.subarray(
      Math.max(0, this.#socket.write(this.#unsent)),
    );
    this.#unsent = rest.byteLength === 0 ? undefined : rest;
  }

  /** Hands replies to whoever waits for them. */
  receive(text: string): void {
    const all = this.#text + text;
    let at = 0;
    for (
      let waiter = this.#waiting[0];
      waiter !== undefined;
      waiter = this.#waiting[0]
    ) {
      const end = this.#replyEnd(all, at);
      if (end < 0) break;
      waiter.replies.push(all.slice(at, end));
      at = end;
      if (waiter.replies.length < waiter.count) continue;
      this.#waiting.shift();
      waiter.resolve(waiter.replies);
    }
    this.#text = all.slice(at);
  }
}
