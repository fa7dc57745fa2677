/**
 * One side of a connection, doing what the test tells it: its parameter is a JSON object of a worker's configuration and
 * of steps. It prints a line of JSON for each step that has something to say, and for each event of the worker.
 */
import {
  existsSync,
  readdirSync,
  readFileSync,
  renameSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { UcxWorker, type WorkerConfig } from "../../../src/ucx/mod.ts";
import { controlMessageId } from "../../../src/ucx/core/control_messages.ts";
import type { Endpoint } from "../../../src/ucx/core/endpoint.ts";
import type { WorkerCore } from "../../../src/ucx/core/worker_core.ts";
import type { UcxListener } from "../../../src/ucx/listener.ts";
import type { Step } from "./script.ts";

/** Opens what users do not see. */
class OpenedWorker extends UcxWorker {
  get inner(): WorkerCore {
    return this.core;
  }
}

const { config, steps, environment } = JSON.parse(process.argv[2] ?? "") as {
  readonly config: WorkerConfig;
  readonly steps: readonly Step[];
  readonly environment: Readonly<Record<string, string>>;
};
// UCX is not loaded yet, and gets what is set here.
Object.assign(process.env, environment);

function say(value: object): void {
  process.stdout.write(`${JSON.stringify(value)}\n`);
}

function tell(error: unknown): object {
  if (!(error instanceof Error)) return { failed: String(error) };
  return { failed: error.name, message: error.message };
}

const worker = new OpenedWorker(config);
const ids: number[] = [];
let listener: UcxListener | undefined;
let begun: Endpoint | undefined;
let opened = 0;
let closed = 0;
let stepStartedMs = 0;

worker.events.on("open", (id) => {
  opened++;
  ids.push(id);
});
worker.events.on("close", ({ endpointId, by, orderly, error }) => {
  closed++;
  ids.splice(ids.indexOf(endpointId), 1);
  say({
    event: "close",
    by,
    orderly,
    error: error?.name ?? null,
    atMs: Math.round(performance.now() - stepStartedMs),
  });
});
worker.events.on("error", (error) => say({ event: "error", ...tell(error) }));

function newest(): number {
  const id = ids.at(-1);
  if (id === undefined) throw new Error("there is no connection");
  return id;
}

/** Progresses until something is so; false when it takes longer. */
function until(done: () => boolean, timeoutMs: number): boolean {
  const endMs = performance.now() + timeoutMs;
  while (!done()) {
    if (performance.now() > endMs) return false;
    worker.runProgressLoop(2);
  }
  return true;
}

function resources(): object {
  return {
    descriptors: readdirSync("/proc/self/fd").length - 1,
    rssMb: Math.round(process.memoryUsage().rss / 2 ** 20),
  };
}

function run(step: Step): object | undefined {
  switch (step.do) {
    case "listen": {
      let left = step.accept ?? Number.POSITIVE_INFINITY;
      listener = worker.createListener(step.at ?? "127.0.0.1:0", {
        accept: () => {
          if (step.throws === true) throw new RangeError("not today");
          return left-- > 0;
        },
      });
      return { address: listener.address };
    }
    case "unlisten":
      listener?.close();
      return undefined;
    case "connect": {
      for (let count = 0; count < (step.times ?? 1); count++)
        worker.connect(step.to, { timeoutMs: step.timeoutMs });
      if (step.quietly === true) return { connected: step.times };
      return { connected: worker.endpointInfo(newest()).transports };
    }
    case "begin": {
      const [host = "", port = ""] = step.to.split(":");
      for (let count = 0; count < (step.times ?? 1); count++)
        begun = worker.inner.connections.connect(
          { socketAddress: { address: host, port: Number(port) } },
          step.to,
          30_000,
        );
      return undefined;
    }
    case "turn": {
      // Turns without news are no step of a handshake.
      let turn = 0;
      const endMs = performance.now() + 2000;
      while (turn < step.times && performance.now() < endMs) {
        if (worker.progress() > 0) turn++;
        if (begun?.state === "open") break;
      }
      return { turned: begun?.state ?? "server" };
    }
    case "die":
      process.kill(process.pid, "SIGKILL");
      return undefined;
    case "stop":
      process.kill(process.pid, "SIGSTOP");
      return undefined;
    case "publish": {
      const path = join(step.folder, step.name);
      writeFileSync(`${path}.new`, worker.workerAddress);
      renameSync(`${path}.new`, path);
      return undefined;
    }
    case "connectToPublished": {
      const path = join(step.folder, step.name);
      if (!until(() => existsSync(path), 20_000)) throw new Error(`no ${path}`);
      worker.connectToWorker(new Uint8Array(readFileSync(path)), {
        timeoutMs: 20_000,
      });
      return undefined;
    }
    case "awaitOpened":
      return {
        opened: until(() => opened >= step.count, step.timeoutMs ?? 25_000)
          ? step.count
          : opened,
      };
    case "awaitClosed":
      return {
        closed: until(() => closed >= step.count, step.timeoutMs ?? 25_000)
          ? step.count
          : closed,
      };
    case "send":
      worker.sendTag(newest(), step.tag, new Uint8Array(step.bytes), {
        timeoutMs: step.timeoutMs,
      });
      return { sent: step.bytes };
    case "beginSend": {
      const core = worker.inner;
      const endpoint = core.connections.table.get(newest());
      if (endpoint === undefined) throw new Error("there is no endpoint");
      core.messages.send(endpoint, step.tag, new Uint8Array(step.bytes));
      return undefined;
    }
    case "sendToAll": {
      const results = worker.broadcastTag(step.tag, new Uint8Array(step.bytes));
      const failures = [...results.values()].flatMap((each) =>
        each === undefined ? [] : [each.message],
      );
      return { sentTo: results.size - failures.length, failures };
    }
    case "sendUntilFailure": {
      const data = new Uint8Array(step.bytes);
      for (;;) worker.sendTag(newest(), step.tag, data, { timeoutMs: 20_000 });
    }
    case "receive": {
      const buffer = new Uint8Array(step.bytes);
      let bytes = 0;
      for (let count = 0; count < (step.times ?? 1); count++)
        bytes = worker.receiveTag(
          step.fromNewest === true ? newest() : undefined,
          step.tag,
          buffer,
          { timeoutMs: step.timeoutMs ?? 20_000 },
        );
      return { received: bytes };
    }
    case "echoAll": {
      const buffer = new Uint8Array(65_536);
      const ended = until(() => {
        for (const id of [...ids]) {
          // Looking for messages of one may have closed another.
          if (!ids.includes(id)) continue;
          const bytes = worker.tryReceiveTag(id, 1, buffer);
          if (bytes !== undefined && worker.isConnected(id))
            worker.sendTag(id, 2, buffer.subarray(0, bytes));
        }
        return closed >= step.untilClosed;
      }, step.timeoutMs ?? 40_000);
      return { ended, opened, closed };
    }
    case "churn": {
      for (let count = 0; count < step.times; count++) {
        worker.disconnect(worker.connect(step.to));
      }
      return { churned: step.times };
    }
    case "greetStrangely": {
      // From a worker without a handshake of its own: a hello of a version that is none of ours.
      const core = worker.inner;
      const answers: number[][] = [];
      core.native.listenForHeaders(controlMessageId, (header) => {
        answers.push([...header.subarray(0, 8)]);
      });
      const endpoint = core.connections.table.get(newest());
      if (endpoint === undefined) throw new Error("there is no endpoint");
      const hello = new Uint8Array(new ArrayBuffer(40));
      hello.set([1, step.version, 0, 0, 0, 0, 0, 0, 77]);
      core.native.sendHeader(
        endpoint.handle,
        controlMessageId,
        hello,
        core.native.params.reply,
      );
      until(() => closed > 0, 5000);
      return { answers };
    }
    case "refuseStrangely": {
      // A listener without a handshake of its own: answers a hello in a version that is none of ours.
      const core = worker.inner;
      let peerId = -1;
      core.native.listenForHeaders(controlMessageId, (header) => {
        peerId = new DataView(header.buffer).getUint32(8, true);
      });
      until(() => peerId >= 0 && ids.length > 0, 20_000);
      const endpoint = core.connections.table.get(newest());
      if (endpoint === undefined) throw new Error("there is no endpoint");
      const answer = new Uint8Array(new ArrayBuffer(40));
      answer.set([2, step.version]);
      new DataView(answer.buffer).setUint32(4, peerId, true);
      core.native.sendHeader(
        endpoint.handle,
        controlMessageId,
        answer,
        core.native.params.plain,
      );
      until(() => closed > 0, 5000);
      return { answered: true };
    }
    case "disconnect":
      worker.disconnect(newest(), { timeoutMs: step.timeoutMs });
      return { disconnected: true };
    case "abandonSend": {
      // A long message that nobody receives, and a long one that nobody sends.
      const data = new Uint8Array(step.bytes);
      const core = worker.inner;
      const endpoint = core.connections.table.get(newest());
      if (endpoint === undefined) throw new Error("there is no endpoint");
      const send = core.messages.send(endpoint, 5, data);
      const receive = core.messages.receive(
        core.match(endpoint, 6, undefined),
        new Uint8Array(step.bytes),
      );
      const before = send?.status;
      worker.disconnect(endpoint.id, { timeoutMs: step.timeoutMs });
      until(() => send?.isDone !== false && receive.isDone, 5000);
      return {
        before,
        send: send?.status,
        receive: receive.status,
        keeps: [send?.keep === undefined, receive.keep === undefined],
        pending: core.requests.count,
      };
    }
    case "block":
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, step.ms);
      return undefined;
    case "sleep":
      worker.runProgressLoop(step.ms);
      return undefined;
    case "close": {
      const startedMs = performance.now();
      worker.close({ timeoutMs: step.timeoutMs });
      return {
        closedWithinMs: Math.round(performance.now() - startedMs),
        ...resources(),
      };
    }
    case "resources":
      return resources();
  }
}

for (const step of steps) {
  stepStartedMs = performance.now();
  try {
    const result = run(step);
    if (result !== undefined)
      say({
        ...result,
        ...(step.timed === true && {
          tookMs: Math.round(performance.now() - stepStartedMs),
        }),
      });
  } catch (error) {
    say({
      ...tell(error),
      tookMs: Math.round(performance.now() - stepStartedMs),
    });
  }
}
worker.close();
say({ finished: true, opened, closed });
