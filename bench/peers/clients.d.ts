/**
 * As much of the peers' clients as the benches use. Their packages are installed by `make bench` only, and the types of this
 * repository are checked without them.
 */
declare module "ioredis" {
  class Redis {
    constructor(
      socket: string,
      options: { readonly maxRetriesPerRequest: null },
    );
  }
  export { Redis };
}

declare module "bullmq" {
  import type { Redis } from "ioredis";

  interface NewJob {
    readonly name: string;
    readonly data: string;
  }
  class Queue {
    constructor(
      name: string,
      options: {
        readonly connection: Redis;
        readonly defaultJobOptions: { readonly removeOnComplete: boolean };
      },
    );
    waitUntilReady(): Promise<unknown>;
    add(name: string, data: string): Promise<unknown>;
    addBulk(jobs: readonly NewJob[]): Promise<unknown>;
  }
  class Worker {
    constructor(
      name: string,
      run: (job: { readonly data: string }) => Promise<unknown>,
      options: {
        readonly connection: Redis;
        readonly concurrency: number;
        readonly lockDuration: number;
        readonly stalledInterval: number;
      },
    );
    on(event: "error", listener: (error: Error) => void): this;
  }
  export { Queue, Worker };
}

declare module "@nats-io/transport-node" {
  /** Opaque here. */
  interface NatsConnection {
    readonly info?: unknown;
  }
  function connect(options: {
    readonly servers: string;
    readonly noEcho: boolean;
  }): Promise<NatsConnection>;
  export { connect, type NatsConnection };
}

declare module "@nats-io/jetstream" {
  import type { NatsConnection } from "@nats-io/transport-node";

  interface JsMsg {
    readonly data: Uint8Array;
    ack(): void;
  }
  interface Consumer {
    consume(options: {
      readonly max_messages: number;
      readonly callback: (message: JsMsg) => void;
    }): Promise<unknown>;
  }
  interface JetStreamManager {
    readonly streams: {
      add(stream: {
        readonly name: string;
        readonly subjects: readonly string[];
        readonly storage: "memory";
        readonly retention: "workqueue";
      }): Promise<unknown>;
    };
    readonly consumers: {
      add(
        stream: string,
        consumer: {
          readonly durable_name: string;
          readonly ack_policy: "explicit";
          /** Nanoseconds. */
          readonly ack_wait: number;
          readonly max_ack_pending: number;
        },
      ): Promise<unknown>;
    };
  }
  interface JetStreamClient {
    readonly consumers: {
      get(stream: string, durableName: string): Promise<Consumer>;
    };
    publish(subject: string, body: Uint8Array): Promise<unknown>;
  }
  function jetstream(connection: NatsConnection): JetStreamClient;
  function jetstreamManager(
    connection: NatsConnection,
  ): Promise<JetStreamManager>;
  export { jetstream, jetstreamManager, type Consumer, type JsMsg };
}

declare module "zeromq" {
  class Push {
    constructor(options: { readonly sendHighWaterMark: number });
    connect(address: string): void;
    send(body: Uint8Array): Promise<void>;
  }
  class Pull implements AsyncIterable<readonly Uint8Array[]> {
    constructor(options: { readonly receiveHighWaterMark: number });
    bind(address: string): Promise<void>;
    [Symbol.asyncIterator](): AsyncIterator<readonly Uint8Array[]>;
  }
  export { Pull, Push };
}
