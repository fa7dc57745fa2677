import process from "node:process";
import { setWarningSink } from "../../../src/base/warnings.ts";
import {
  UcxAddressInUseError,
  UcxAddressUnavailableError,
  UcxClosedError,
  UcxUnknownHostError,
  UcxUnsupportedError,
  UcxWorker,
} from "../../../src/ucx/mod.ts";
import { afterEach, describe, expect, test } from "../../support/testing.ts";

const ucx = { TLS: "tcp", NET_DEVICES: "lo" };
const set: string[] = [];

function setVariable(name: string, value: string): void {
  process.env[name] = value;
  set.push(name);
}

afterEach(() => {
  for (const name of set.splice(0)) delete process.env[name];
});

function messageOf(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    return error instanceof Error ? `${error.name}: ${error.message}` : "";
  }
  return "";
}

function make(keys: Readonly<Record<string, string>>): string {
  return messageOf(() => new UcxWorker({ ucx: keys }).close());
}

function settingOf(worker: UcxWorker, key: string): string | undefined {
  const last = worker.info().settings.findLast((each) => each.key === key);
  return last && `${last.value} from ${last.from}`;
}

describe("keys of UCX", () => {
  test("that do not exist are refused, with those that are meant", () => {
    const message = make({ TCP_RX_BUFS: "16k" });
    expect(message.startsWith("TypeError: ")).toBe(true);
    expect(message.includes("TCP_RX_MAX_BUFS")).toBe(true);
    expect(make({ KEEPALIVE_INTERVALL: "1s" })).toMatch(/KEEPALIVE_INTERVAL\b/);
  });

  test("that are only read when UCX is loaded are refused, and where to set them is said", () => {
    expect(make({ HANDLE_ERRORS: "bt" })).toMatch(
      /^TypeError: .*UCX_HANDLE_ERRORS/,
    );
  });

  test("with a bad value are refused", () => {
    expect(make({ KEEPALIVE_INTERVAL: "soon" })).toMatch(
      /^RangeError: .*"soon"/,
    );
    expect(make({ TLS: "pigeon" })).toMatch(/^UcxUnsupportedError: .*pigeon/);
    expect(messageOf(() => new UcxWorker({ ucx: { tls: "tcp" } }))).toMatch(
      /^TypeError: /,
    );
  });

  test("may be named as in the environment", () => {
    expect(make({ UCX_TLS: "tcp", UCX_TCP_KEEPIDLE: "5s" })).toBe("");
  });

  test("that UCX sets together must not contradict each other", () => {
    expect(make({ POSIX_ERROR_HANDLING: "y", MM_ERROR_HANDLING: "n" })).toMatch(
      /^TypeError: .*POSIX_ERROR_HANDLING/,
    );
  });

  test("hold in the order caller, environment, ours; and who won is shown", () => {
    setVariable("UCX_KEEPALIVE_INTERVAL", "3s");
    setVariable("UCX_RNDV_THRESH", "32k");
    using worker = new UcxWorker({ ucx: { ...ucx, RNDV_THRESH: "64k" } });
    expect(settingOf(worker, "KEEPALIVE_INTERVAL")).toBe("3s from environment");
    expect(settingOf(worker, "RNDV_THRESH")).toBe("64k from configuration");
    expect(settingOf(worker, "MM_ERROR_HANDLING")).toBe("y from ringwire");
    expect(settingOf(worker, "USE_MT_MUTEX")).toBe("y from ringwire");
    expect(settingOf(worker, "TLS")).toBe("tcp from configuration");
  });

  test("of ours give way to any name that the environment has for them", () => {
    setVariable("UCX_POSIX_ERROR_HANDLING", "n");
    setVariable("UCX_MAX_RNDV_RAILS", "2");
    using worker = new UcxWorker({ ucx });
    expect(settingOf(worker, "MM_ERROR_HANDLING")).toBe(undefined);
    expect(settingOf(worker, "MAX_RNDV_LANES")).toBe(undefined);
  });

  test("in the environment that UCX does not know are warned of once", () => {
    setVariable("UCX_TCP_RX_BUFS", "16k");
    const lines: string[] = [];
    const before = setWarningSink((line) => lines.push(line));
    try {
      new UcxWorker({ ucx }).close();
      new UcxWorker({ ucx }).close();
    } finally {
      setWarningSink(before);
    }
    expect(lines.length).toBe(1);
    expect(lines[0] ?? "").toMatch(/UCX_TCP_RX_BUFS .*UCX_TCP_RX_MAX_BUFS/);
  });
});

describe("where a worker listens", () => {
  test("is read back, with a port that the system chose or a fixed one", () => {
    using worker = new UcxWorker({ ucx });
    const first = worker.createListener("127.0.0.1:0");
    expect(first.host).toBe("127.0.0.1");
    expect(first.port > 0).toBe(true);
    const { port } = first;
    first.close();
    const second = worker.createListener({ host: "localhost", port });
    expect(second.address).toBe(`127.0.0.1:${port}`);
  });

  test("is nobody else's, and an address of this machine", () => {
    using worker = new UcxWorker({ ucx });
    const { address } = worker.createListener("127.0.0.1:0");
    expect(() => worker.createListener(address)).toThrow(UcxAddressInUseError);
    expect(() => worker.createListener("192.0.2.123:0")).toThrow(
      UcxAddressUnavailableError,
    );
    expect(() => worker.createListener("nobody.invalid:0")).toThrow(
      UcxUnknownHostError,
    );
  });

  test("is not IPv6 where UCX would not survive it", () => {
    using worker = new UcxWorker({ ucx });
    expect(() => worker.createListener("[::]:0")).toThrow(UcxUnsupportedError);
    expect(() => worker.connect("[::1]:1")).toThrow(UcxUnsupportedError);
  });
});

describe("a worker that is closed", () => {
  test("says so, whatever is asked of it", () => {
    const worker = new UcxWorker({ ucx });
    const listener = worker.createListener("127.0.0.1:0");
    worker.close();
    worker.close();
    listener.close();
    const calls: readonly (() => unknown)[] = [
      () => worker.connect("127.0.0.1:1"),
      () => worker.connectToWorker(new Uint8Array(10)),
      () => worker.createListener("127.0.0.1:0"),
      () => worker.progress(),
      () => worker.workerAddress,
      () => worker.info(),
      () => worker.sendTag(1, 1, new Uint8Array(1)),
    ];
    for (const call of calls) expect(call).toThrow(UcxClosedError);
  });
});

describe("an endpoint", () => {
  test("tells its transports, and whom it is with", () => {
    using worker = new UcxWorker({ ucx, name: "self" });
    const { address } = worker.createListener("127.0.0.1:0");
    const id = worker.connect(address);
    const info = worker.endpointInfo(id);
    expect(info.transports).toEqual(["tcp/lo"]);
    expect(info.peerName).toBe("self");
    expect(info.remoteAddress).toBe(address);
    expect([info.initiated, info.state]).toEqual([true, "open"]);
  });
});
