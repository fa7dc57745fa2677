/** Two sessions over a connection in memory. */
import type { IncomingMessage } from "../../src/transport/message.ts";
import type { SessionEnd, SessionState } from "../../src/transport/session.ts";
import { FramedSession } from "../../src/transport/session/framed_session.ts";
import type {
  SequenceRange,
  SessionListeners,
  SessionOptions,
} from "../../src/transport/session/settings.ts";
import {
  type MemoryConnection,
  type MemoryFaults,
  memoryConnections,
} from "./memory_connections.ts";

/** A session that keeps what it hears. */
export class HeardSession {
  readonly session: FramedSession;
  readonly texts: string[] = [];
  readonly messages: IncomingMessage[] = [];
  readonly errors: unknown[] = [];
  readonly states: SessionState[] = [];
  readonly gaps: SequenceRange[] = [];
  readonly unknown: SequenceRange[] = [];
  readonly ends: SessionEnd[] = [];

  constructor(options: SessionOptions) {
    const given: SessionListeners = options.listeners ?? {};
    this.session = new FramedSession({
      heartbeatMs: 0,
      ...options,
      listeners: {
        onMessage: (message) => {
          this.messages.push(message);
          this.texts.push(message.text());
        },
        onError: (error) => this.errors.push(error),
        onStateChange: (state) => this.states.push(state),
        onGap: (gap) => this.gaps.push(gap),
        onUnconfirmed: (unknown) => this.unknown.push(unknown),
        onEnd: (end) => this.ends.push(end),
        ...given,
      },
    });
  }
}

/** Both sides of a session. */
export interface SessionPair {
  readonly client: HeardSession;
  readonly server: HeardSession;
  readonly clientEnd: MemoryConnection;
  readonly serverEnd: MemoryConnection;
}

/** Options of both sides. */
export interface PairOptions {
  readonly client?: Partial<SessionOptions>;
  readonly server?: Partial<SessionOptions>;
  readonly clientFaults?: MemoryFaults;
  readonly serverFaults?: MemoryFaults;
}

/** Gives both sessions a connection between them. */
export function join(
  client: FramedSession,
  server: FramedSession,
  faults: Pick<PairOptions, "clientFaults" | "serverFaults"> = {},
): [client: MemoryConnection, server: MemoryConnection] {
  const [clientEnd, serverEnd] = memoryConnections({
    ...(faults.clientFaults ? { client: faults.clientFaults } : {}),
    ...(faults.serverFaults ? { server: faults.serverFaults } : {}),
  });
  serverEnd.handler = server.attach(serverEnd);
  clientEnd.handler = client.attach(clientEnd);
  return [clientEnd, serverEnd];
}

/** Two sessions that are open. */
export async function sessionPair(
  options: PairOptions = {},
): Promise<SessionPair> {
  const client = new HeardSession({ role: "client", ...options.client });
  const server = new HeardSession({ role: "server", ...options.server });
  const [clientEnd, serverEnd] = join(client.session, server.session, options);
  await Promise.all([client.session.whenOpen(), server.session.whenOpen()]);
  return { client, server, clientEnd, serverEnd };
}
