/** A server from the first socket to the last goodbye. */
import {
  answerRoomSubject,
  isRoomSubject,
} from "../../src/routes/room_subjects.ts";
import { Router } from "../../src/routes/router.ts";
import { TransportServer } from "../../src/transport/server/server.ts";
import type { ControlSubject } from "../control/control_app.ts";
import { ActionRefused } from "../control/control_actions.ts";
import { bindRoutes } from "./bind_routes.ts";
import type { RunInvocation } from "./run_options.ts";
import type { ServerLog } from "./server_log.ts";
import type { ServerReport } from "./server_report.ts";
import { describeSession } from "./session_rows.ts";
import type { ServerPlan } from "./settings.ts";

/** What a server is started with. */
export interface RunningServerInit {
  readonly plan: ServerPlan;
  readonly given: RunInvocation["options"];
  readonly environment: RunInvocation["environment"];
  readonly log: ServerLog;
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** One server with its routes. */
export class RunningServer {
  readonly #server: TransportServer;
  readonly #router: Router;
  readonly #init: RunningServerInit;
  readonly #kill: AbortController;
  readonly #startedMs = Date.now();
  readonly #ended = Promise.withResolvers<{ readonly forced: boolean }>();
  #draining = false;

  private constructor(
    server: TransportServer,
    router: Router,
    init: RunningServerInit,
    kill: AbortController,
  ) {
    this.#server = server;
    this.#router = router;
    this.#init = init;
    this.#kill = kill;
    this.#follow();
  }

  /** Opens what the routes need, then listens. @throws what either throws; nothing is left open then */
  static async start(init: RunningServerInit): Promise<RunningServer> {
    const { plan, given, environment } = init;
    const kill = new AbortController();
    const router = new Router(
      await bindRoutes(plan.routes, {
        given,
        environment,
        kill: kill.signal,
      }),
    );
    try {
      const builder = TransportServer.builder()
        .withLimits({ maxMessageBytes: given.maxMessageSize })
        .withNodeName(given.name);
      for (const url of plan.listen) builder.withProtocol(url);
      if (given.maxConnections !== undefined)
        builder.withMaxConnections(given.maxConnections);
      if (plan.tls !== undefined) builder.withTls(plan.tls);
      if (plan.compression !== undefined)
        builder.withDataCompression({ algorithms: [plan.compression] });
      // Clients may come before the last address is bound.
      const built = Promise.withResolvers<TransportServer>();
      const server = await builder
        .onMessage((message, session) =>
          isRoomSubject(message)
            ? built.promise.then((server) => {
                answerRoomSubject(server, message, session);
              })
            : router.message(message, session),
        )
        .onRequest((request, session) =>
          isRoomSubject(request)
            ? built.promise.then((server) =>
                answerRoomSubject(server, request, session),
              )
            : router.request(request, session),
        )
        .build();
      built.resolve(server);
      return new RunningServer(server, router, init, kill);
    } catch (error) {
      await router.close();
      throw error;
    }
  }

  /** Where it listens, with the ports that it got. */
  get urls(): readonly string[] {
    return this.#server.addresses;
  }

  /** Resolved when it has come to its end. */
  get ended(): Promise<{ readonly forced: boolean }> {
    return this.#ended.promise;
  }

  /** Lets nobody in any more, finishes what was accepted, and ends: at the latest after `timeoutMs`. */
  drain(timeoutMs: number): void {
    if (this.#draining) return;
    this.#draining = true;
    this.#drain(timeoutMs).catch((error: unknown) => {
      this.#init.log.write("error", "drain_failed", reasonOf(error));
      this.#ended.resolve({ forced: true });
    });
  }

  /** Ends at once. */
  abort(): void {
    this.#draining = true;
    this.#kill.abort();
    this.#ended.resolve({ forced: true });
    void this.#router.close();
  }

  /** What the control socket serves. */
  get control(): ControlSubject {
    const { given } = this.#init;
    const { log } = this.#init;
    return {
      report: () => this.#report(),
      health: () => ({
        healthy: true,
        ready: !this.#draining,
        reasons: this.#draining ? ["it is draining"] : [],
      }),
      views: {
        conns: () =>
          [...this.#server.sessions].map((session) =>
            describeSession(session, this.#server.roomsOf(session.id)),
          ),
      },
      actions: {
        drain: ({ timeoutMs = given.drainTimeout }) => {
          const { sessionCount } = this.#server;
          log.write(
            "info",
            "draining",
            `asked to drain: ${sessionCount} sessions`,
          );
          this.drain(timeoutMs);
          return Promise.resolve({ draining: true, sessions: sessionCount });
        },
        kick: ({ session, reason }) => {
          if (!this.#server.kick(session, reason))
            throw new ActionRefused("UnknownSession", `no session ${session}`);
          log.write("info", "kicked", `session ${session} was kicked`, {
            session,
          });
          return Promise.resolve({ kicked: session });
        },
      },
    };
  }

  async #drain(timeoutMs: number): Promise<void> {
    const { forced } = await this.#server.drain({ timeoutMs });
    if (forced > 0) this.#kill.abort();
    await this.#router.close();
    this.#ended.resolve({ forced: forced > 0 });
  }

  #follow(): void {
    const { log } = this.#init;
    this.#server.on("error", ({ error, during, session }) => {
      log.write(
        "error",
        `${during}_failed`,
        `${during}${session === undefined ? "" : ` of session ${session.id}`}: ${reasonOf(error)}`,
        { session: session?.id },
      );
    });
    this.#server.on("refused", ({ peerAddress, code, reason }) =>
      log.write(
        "warn",
        "refused",
        `${peerAddress} was not let in: ${reason} (${code})`,
        { peer: peerAddress, code },
      ),
    );
    this.#server.on("slowConsumer", ({ session, queuedBytes, closed }) =>
      log.write(
        "warn",
        "slow_consumer",
        `session ${session.id} does not keep up: ${queuedBytes} bytes wait for it${closed ? "; it was closed" : ""}`,
        { session: session.id, queued_bytes: queuedBytes, closed },
      ),
    );
  }

  #report(): ServerReport {
    const statistics = this.#server.statistics;
    return {
      kind: "server",
      name: this.#init.given.name,
      pid: process.pid,
      started_ms: this.#startedMs,
      state: this.#draining ? "draining" : "serving",
      urls: [...this.urls],
      connections: statistics.connections,
      max_connections: statistics.maxConnections,
      sessions: statistics.sessions,
      routes: this.#router.counts.map((counts) => ({ ...counts })),
      unmatched: this.#router.unmatched,
      messages_received: statistics.messagesReceived,
      requests_received: statistics.requestsReceived,
      active_requests: statistics.activeRequests,
      dropped: statistics.dropped,
    };
  }
}
