/** A connection over a unix socket that counts replies. Bodies are ASCII, so text offsets are byte offsets. */

/** Takes one reply off the text, from `at`: where it ends, or -1 when it is not whole yet. */
export type ReplyEnd = (text: string, at: number) => number;

/** Requests in one write, replies in order. */
export class Connection {
  readonly #socket: Bun.Socket;
  readonly #replyEnd: ReplyEnd;
  readonly #waiting: {
    count: number;
    replies: string[];
    resolve(replies: string[]): void;
  }[] = [];
  #text = "";
  #unsent: Uint8Array = new Uint8Array();

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
      if (this.#unsent.byteLength > 0) {
        this.#unsent = Buffer.concat([this.#unsent, bytes]);
        return;
      }
      this.#unsent = bytes;
      this.flush();
    });
  }

  /** Sends what the socket did not take before. */
  flush(): void {
    if (this.#unsent.byteLength === 0) return;
    this.#unsent = this.#unsent.subarray(
      Math.max(0, this.#socket.write(this.#unsent)),
    );
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
