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
  interface Msg {
    readonly data: Uint8Array;
    respond(body: Uint8Array): boolean;
  }
  interface NatsConnection {
    publish(subject: string, body: Uint8Array): void;
    subscribe(
      subject: string,
      options: {
        readonly callback: (error: Error | null, message: Msg) => void;
      },
    ): unknown;
    request(
      subject: string,
      body: Uint8Array,
      options: { readonly timeout: number },
    ): Promise<Msg>;
    flush(): Promise<void>;
  }
  function connect(options: {
    readonly servers: string;
    readonly noEcho?: boolean;
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

declare module "ws" {
  class WebSocket {
    constructor(url: string, options: { readonly perMessageDeflate: boolean });
    readonly bufferedAmount: number;
    on(event: "message", listener: (message: Buffer) => void): this;
    on(event: "open", listener: () => void): this;
    on(event: "error", listener: (error: Error) => void): this;
    send(message: Uint8Array, done?: () => void): void;
  }
  class WebSocketServer {
    constructor(options: {
      readonly host: string;
      readonly port: number;
      readonly perMessageDeflate: boolean;
    });
    address(): { readonly port: number };
    on(event: "connection", listener: (socket: WebSocket) => void): this;
    on(event: "listening", listener: () => void): this;
  }
  export { WebSocket, WebSocketServer };
}

declare module "@grpc/grpc-js" {
  type Same = (bytes: Uint8Array) => Uint8Array;
  interface Credentials {
    readonly opaque?: unknown;
  }
  class Client {
    constructor(address: string, credentials: Credentials);
    makeUnaryRequest(
      path: string,
      serialize: Same,
      deserialize: Same,
      body: Uint8Array,
      done: (error: Error | null, answer?: Uint8Array) => void,
    ): unknown;
  }
  class Server {
    addService(
      methods: Readonly<
        Record<
          string,
          {
            readonly path: string;
            readonly requestStream: boolean;
            readonly responseStream: boolean;
            readonly requestSerialize: Same;
            readonly requestDeserialize: Same;
            readonly responseSerialize: Same;
            readonly responseDeserialize: Same;
          }
        >
      >,
      handlers: Readonly<
        Record<
          string,
          (
            call: { readonly request: Uint8Array },
            answer: (error: null, body: Uint8Array) => void,
          ) => void
        >
      >,
    ): void;
    bindAsync(
      address: string,
      credentials: Credentials,
      done: (error: Error | null, port: number) => void,
    ): void;
  }
  const credentials: { createInsecure(): Credentials };
  const ServerCredentials: { createInsecure(): Credentials };
  export { Client, credentials, Server, ServerCredentials };
}
