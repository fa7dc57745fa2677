/** From routes as they are written to routes that work. */
import type { CommandRunner } from "../../src/routes/command_runner.ts";
import { demoTarget, echoTarget } from "../../src/routes/demo_target.ts";
import { ExecTarget } from "../../src/routes/exec_target.ts";
import { QueueTarget } from "../../src/routes/queue_target.ts";
import type { RouteTarget } from "../../src/routes/route_target.ts";
import type { RouteText, TargetText } from "../../src/routes/route_text.ts";
import type { BoundRoute } from "../../src/routes/router.ts";
import { connectUpstream } from "../../src/routes/transport_upstream.ts";
import { UpstreamTarget } from "../../src/routes/upstream_target.ts";
import { embeddedShim } from "../embedded/embedded_shim.ts";
import { makeCommandRunner } from "../processes/command_runs.ts";
import { openOrCreate } from "../queues/open_queue.ts";
import type { RunValues } from "./run_options.ts";

/** Requests that may wait for a command, for each place that there is. */
const waitingPerPlace = 64;

/** What targets need besides their own text. */
export interface TargetContext {
  readonly given: Pick<
    RunValues,
    "execTimeout" | "execConcurrency" | "name" | "maxMessageSize"
  >;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Aborted when there is no time left for commands. */
  readonly kill: AbortSignal;
}

class Binder {
  readonly #context: TargetContext;
  #runner: Promise<CommandRunner> | undefined;

  constructor(context: TargetContext) {
    this.#context = context;
  }

  async bind(target: TargetText): Promise<RouteTarget> {
    const { given } = this.#context;
    switch (target.kind) {
      case "demo":
        return demoTarget;
      case "echo":
        return echoTarget;
      case "queue":
        return new QueueTarget(
          await openOrCreate(target.name, given.name, {
            // Subject, trace and the address of the reply travel as headers.
            maxHeadersSize: 1024,
          }),
        );
      case "exec":
        return new ExecTarget({
          line: target.line,
          run: await this.#commands(),
          timeoutMs: given.execTimeout,
          concurrency: given.execConcurrency,
          waitingMax: given.execConcurrency * waitingPerPlace,
        });
      case "upstream":
        return new UpstreamTarget(target.urls, (url) =>
          connectUpstream(url, given.name),
        );
    }
  }

  #commands(): Promise<CommandRunner> {
    const { environment, kill } = this.#context;
    this.#runner ??= makeCommandRunner(embeddedShim(), environment, kill);
    return this.#runner;
  }
}

/**
 * Opens what the routes need: queues that do not exist are created.
 *
 * @throws what opening a queue throws; those that were opened before are closed
 */
export async function bindRoutes(
  routes: readonly RouteText[],
  context: TargetContext,
): Promise<readonly BoundRoute[]> {
  const binder = new Binder(context);
  const bound: BoundRoute[] = [];
  try {
    for (const { text, match, target } of routes)
      bound.push({ text, match, target: await binder.bind(target) });
  } catch (error) {
    for (const { target } of bound) await target.close();
    throw error;
  }
  return bound;
}
