import type {
  CommandRequest,
  CommandResult,
} from "../../../src/routes/command_runner.ts";
import { demoAnswer } from "../../../src/routes/demo_target.ts";
import { ExecTarget } from "../../../src/routes/exec_target.ts";
import { parseMatch } from "../../../src/routes/match.ts";
import type { RouteTarget } from "../../../src/routes/route_target.ts";
import { Router } from "../../../src/routes/router.ts";
import { Turns } from "../../../src/routes/turns.ts";
import {
  type Upstream,
  UpstreamTarget,
} from "../../../src/routes/upstream_target.ts";
import type { IncomingRequest, Reply } from "../../../src/transport/message.ts";
import type { Session } from "../../../src/transport/session.ts";
import {
  FateUnknownError,
  NoResponderError,
  RemoteError,
} from "../../../src/transport/session_errors.ts";
import { describe, expect, test } from "../../support/testing.ts";
import { until } from "../../support/waiting.ts";

const session = { id: "s", state: "open" } as unknown as Session;

function requestOf(
  text: string,
  more: Partial<IncomingRequest> = {},
): IncomingRequest {
  const payload = new TextEncoder().encode(text);
  return {
    payload,
    tag: 0n,
    priority: "normal",
    headers: {},
    sessionId: "s",
    text: () => text,
    json: () => JSON.parse(text),
    value: () => payload,
    deadlineMs: Number.POSITIVE_INFINITY,
    signal: new AbortController().signal,
    ...more,
  };
}

async function failureOf(work: () => unknown): Promise<RemoteError> {
  try {
    await work();
  } catch (error) {
    if (error instanceof RemoteError) return error;
    throw error;
  }
  throw new Error("it did not fail");
}

const good: CommandResult = {
  exitCode: 0,
  signal: null,
  timedOut: false,
  overflowed: false,
  output: new TextEncoder().encode("out"),
};

function execOf(
  run: (request: CommandRequest) => Promise<CommandResult>,
  more: { concurrency?: number; waitingMax?: number } = {},
): ExecTarget {
  return new ExecTarget({
    line: "command",
    run,
    timeoutMs: 1000,
    concurrency: 1,
    waitingMax: 1,
    ...more,
  });
}

describe("demo", () => {
  test("answers as the requirements show", () => {
    expect(demoAnswer("PING")).toBe("PONG");
    expect(demoAnswer("ECHO:x:y")).toBe("REPLY:x:y");
    expect(demoAnswer("ping")).toBe("RECEIVED:ping");
    expect(demoAnswer("")).toBe("RECEIVED:");
  });
});

describe("exec", () => {
  test("gives the body, the variables and the time that is left, and answers with the output", async () => {
    let seen: CommandRequest | undefined;
    const target = execOf((request) => {
      seen = request;
      return Promise.resolve(good);
    });
    const reply: Reply = await target.request(
      requestOf("body", {
        tag: 7n,
        headers: { subject: "a.b", user: { k: "v" }, traceparent: "no trace" },
        deadlineMs: performance.now() + 100,
      }),
    );
    expect(new TextDecoder().decode(reply.body as Uint8Array)).toBe("out");
    expect(reply.options.tag).toBe(7n);
    expect(new TextDecoder().decode(seen?.body)).toBe("body");
    expect((seen?.timeoutMs ?? 1000) <= 100).toBe(true);
    expect(seen?.variables.RINGWIRE_MSG_TAG).toBe("7");
    expect(seen?.variables.RINGWIRE_MSG_SUBJECT).toBe("a.b");
    expect(seen?.variables.RINGWIRE_MSG_HEADERS).toBe('{"k":"v"}');
    expect(seen?.variables.TRACEPARENT).toBe(undefined);
  });

  const failures: [string, Partial<CommandResult>, string][] = [
    ["a status", { exitCode: 3 }, "ExecFailed"],
    ["a signal", { exitCode: null, signal: "SIGKILL" }, "ExecFailed"],
    ["too much output", { overflowed: true }, "ExecFailed"],
    ["too much time", { timedOut: true }, "ExecTimedOut"],
  ];
  for (const [what, result, code] of failures)
    test(`${what} is an error and no answer, also for a message`, async () => {
      const target = execOf(() => Promise.resolve({ ...good, ...result }));
      expect((await failureOf(() => target.request(requestOf("")))).code).toBe(
        code,
      );
      expect((await failureOf(() => target.message(requestOf("")))).code).toBe(
        code,
      );
    });

  test("time that was over by the requester's own deadline is called so", async () => {
    const target = execOf(() => Promise.resolve({ ...good, timedOut: true }));
    const late = requestOf("", { deadlineMs: performance.now() + 10 });
    expect((await failureOf(() => target.request(late))).code).toBe("TimedOut");
  });

  test("runs so many at a time, lets so many wait, and refuses the others as busy", async () => {
    const runs: PromiseWithResolvers<CommandResult>[] = [];
    const target = execOf(() => {
      const run = Promise.withResolvers<CommandResult>();
      runs.push(run);
      return run.promise;
    });
    const first = target.request(requestOf("1"));
    const second = target.request(requestOf("2"));
    await Promise.resolve();
    const busy = await failureOf(() => target.request(requestOf("3")));
    expect(busy.code).toBe("Busy");
    expect(busy.retryable).toBe(true);
    expect(runs.length).toBe(1);
    runs[0]?.resolve(good);
    await first;
    await until("the second run", () => runs.length === 2);
    runs[1]?.resolve(good);
    await second;
  });
});

describe("turns", () => {
  test("one who gave up waiting takes nobody's place", async () => {
    const turns = new Turns(1);
    const never = new AbortController().signal;
    const first = await turns.take(never);
    const gone = new AbortController();
    const left = turns.take(gone.signal);
    const next = turns.take(never);
    gone.abort(new Error("gone"));
    await expect(left).rejects.toThrow("gone");
    expect(turns.waiting).toBe(1);
    first[Symbol.dispose]();
    first[Symbol.dispose]();
    (await next)[Symbol.dispose]();
    // The place is free again, and there is only one.
    const again = await turns.take(never);
    void turns.take(never);
    expect(turns.waiting).toBe(1);
    again[Symbol.dispose]();
  });
});

describe("router", () => {
  const answering = (text: string): RouteTarget => ({
    message: () => undefined,
    request: () => text,
    close: () => undefined,
  });

  test("the first that matches wins, and failures are counted", async () => {
    const failing: RouteTarget = {
      ...answering(""),
      request: () => Promise.reject(new RemoteError("No", "no")),
    };
    const router = new Router([
      { text: "tag:7", match: parseMatch("tag:7"), target: answering("a") },
      { text: "tag:8", match: parseMatch("tag:8"), target: failing },
      { text: "tag:7-9", match: parseMatch("tag:7-9"), target: answering("b") },
    ]);
    const ask = async (tag: bigint) =>
      await router.request(requestOf("", { tag }), session);
    expect(await ask(7n)).toBe("a");
    expect(await ask(9n)).toBe("b");
    expect((await failureOf(() => ask(8n))).code).toBe("No");
    await expect(ask(1n)).rejects.toBeInstanceOf(NoResponderError);
    await router.message(requestOf("", { tag: 1n }), session);
    expect(router.unmatched).toBe(2);
    expect(router.counts.map(({ requests }) => requests)).toEqual([1, 1, 1]);
    expect(router.counts.map(({ failures }) => failures)).toEqual([0, 1, 0]);
  });
});

/** Other servers that answer with their own URL. */
class FakeServers {
  readonly down = new Set<string>();
  readonly connects: string[] = [];
  readonly open = new Map<string, { isOpen: boolean }>();

  readonly connect = (url: string): Promise<Upstream> => {
    this.connects.push(url);
    if (this.down.has(url)) return Promise.reject(new Error("refused"));
    const state = { isOpen: true };
    this.open.set(url, state);
    return Promise.resolve({
      get isOpen() {
        return state.isOpen;
      },
      send: () => Promise.resolve(),
      request: () => Promise.resolve(requestOf(url)),
      close: () => {
        state.isOpen = false;
        return Promise.resolve();
      },
    });
  };
}

async function askedOf(target: UpstreamTarget): Promise<string> {
  const { body } = await target.request(requestOf("x"));
  return new TextDecoder().decode(body as Uint8Array);
}

describe("upstream", () => {
  test("takes turns, and keeps its connections", async () => {
    const servers = new FakeServers();
    const target = new UpstreamTarget(["a", "b"], servers.connect);
    const asked: string[] = [];
    for (let turn = 0; turn < 4; turn++) asked.push(await askedOf(target));
    expect(asked).toEqual(["a", "b", "a", "b"]);
    expect(servers.connects).toEqual(["a", "b"]);
    await target.close();
    expect([...servers.open.values()].some(({ isOpen }) => isOpen)).toBe(false);
  });

  test("passes over one that refuses, leaves it alone for a while, and connects anew to one that was lost", async () => {
    const servers = new FakeServers();
    servers.down.add("a");
    const target = new UpstreamTarget(["a", "b"], servers.connect);
    expect(await askedOf(target)).toBe("b");
    expect(await askedOf(target)).toBe("b");
    expect(await askedOf(target)).toBe("b");
    expect(servers.connects).toEqual(["a", "b"]);
    const b = servers.open.get("b");
    if (b !== undefined) b.isOpen = false;
    expect(await askedOf(target)).toBe("b");
    expect(servers.connects).toEqual(["a", "b", "b"]);
  });

  test("what becomes of a lost request is told by its name, and what another server says comes through", async () => {
    const failing = async (error: Error) => {
      const servers = new FakeServers();
      const target = new UpstreamTarget(["a"], async (url) => ({
        ...(await servers.connect(url)),
        isOpen: true,
        request: () => Promise.reject(error),
      }));
      return await failureOf(() => target.request(requestOf("x")));
    };
    const lost = await failing(
      new FateUnknownError("the server was lost", 1006),
    );
    expect(lost.code).toBe("FateUnknown");
    const said = new RemoteError("Mine", "no", { details: { n: 1 } });
    expect(await failing(said)).toBe(said);
  });

  test("with none that can be reached it says so, and tries all of them again", async () => {
    const servers = new FakeServers();
    servers.down.add("a").add("b");
    const target = new UpstreamTarget(["a", "b"], servers.connect);
    const failure = await failureOf(() => target.request(requestOf("x")));
    expect(failure.code).toBe("Unreachable");
    expect(failure.retryable).toBe(true);
    servers.down.clear();
    expect(["a", "b"]).toContain(await askedOf(target));
  });
});
