/** What a worker and each of its endpoints have counted. */

/** Counts of one endpoint. */
export interface EndpointStats {
  readonly messagesSent: number;
  readonly messagesReceived: number;
  readonly bytesSent: number;
  readonly bytesReceived: number;
  readonly errors: number;
}

/** Counts that go up; one object for each endpoint, and one for the worker. */
export class Counters {
  messagesSent = 0;
  messagesReceived = 0;
  bytesSent = 0;
  bytesReceived = 0;
  errors = 0;
}

/** Adds the counts of one to another. */
export function addCounters(sum: Counters, more: EndpointStats): void {
  sum.messagesSent += more.messagesSent;
  sum.messagesReceived += more.messagesReceived;
  sum.bytesSent += more.bytesSent;
  sum.bytesReceived += more.bytesReceived;
  sum.errors += more.errors;
}

/** A snapshot of a worker's counts. */
export class WorkerStats implements EndpointStats {
  readonly messagesSent: number;
  readonly messagesReceived: number;
  readonly bytesSent: number;
  readonly bytesReceived: number;
  readonly errors: number;
  /** Connections that are open now. */
  readonly connections: number;
  /** Connections that were opened since the worker was made. */
  readonly connectionsOpened: number;
  /** Messages that nobody received before their connection was let go. */
  readonly messagesDropped: number;
  /** Messages that were kept aside at this moment, and their bytes. */
  readonly messagesSpilled: number;
  readonly bytesSpilled: number;
  /** Seconds since the worker was made. */
  readonly elapsedSeconds: number;

  constructor(
    counters: Counters,
    more: {
      readonly connections: number;
      readonly connectionsOpened: number;
      readonly messagesDropped: number;
      readonly messagesSpilled: number;
      readonly bytesSpilled: number;
      readonly elapsedSeconds: number;
    },
  ) {
    this.messagesSent = counters.messagesSent;
    this.messagesReceived = counters.messagesReceived;
    this.bytesSent = counters.bytesSent;
    this.bytesReceived = counters.bytesReceived;
    this.errors = counters.errors;
    this.connections = more.connections;
    this.connectionsOpened = more.connectionsOpened;
    this.messagesDropped = more.messagesDropped;
    this.messagesSpilled = more.messagesSpilled;
    this.bytesSpilled = more.bytesSpilled;
    this.elapsedSeconds = more.elapsedSeconds;
  }

  /** Bytes sent and received in the worker's life, in MB/s (10^6 bytes). */
  get throughputMbps(): number {
    return this.elapsedSeconds > 0
      ? (this.bytesSent + this.bytesReceived) / this.elapsedSeconds / 1e6
      : 0;
  }

  /** Messages sent and received in the worker's life, for each second. */
  get messageRate(): number {
    return this.elapsedSeconds > 0
      ? (this.messagesSent + this.messagesReceived) / this.elapsedSeconds
      : 0;
  }

  /** The counts as lines of text. */
  toString(): string {
    const rows: readonly (readonly [string, string])[] = [
      ["messages sent", String(this.messagesSent)],
      ["messages received", String(this.messagesReceived)],
      ["bytes sent", String(this.bytesSent)],
      ["bytes received", String(this.bytesReceived)],
      ["connections", `${this.connections} (${this.connectionsOpened} in all)`],
      ["errors", String(this.errors)],
      ["messages dropped", String(this.messagesDropped)],
      [
        "messages kept aside",
        `${this.messagesSpilled} (${this.bytesSpilled} bytes)`,
      ],
      ["throughput", `${this.throughputMbps.toFixed(2)} MB/s`],
      ["message rate", `${this.messageRate.toFixed(2)} msg/s`],
    ];
    return rows.map(([name, value]) => `${name.padEnd(20)}${value}`).join("\n");
  }

  /** Writes the counts somewhere. @default console.log */
  print(write: (text: string) => void = console.log): void {
    write(this.toString());
  }
}
