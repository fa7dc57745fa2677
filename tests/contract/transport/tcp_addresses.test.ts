import { connect as connectNet } from "node:net";
import type { CloseReason } from "../../../src/transport/adapter.ts";
import {
  AddressNotAvailableError,
  HostUnreachableError,
  NameNotFoundError,
  UnsupportedFeatureError,
} from "../../../src/transport/errors.ts";
import { createDefaultRegistry } from "../../../src/transport/protocols/builtin.ts";
import { afterEach, describe, expect, test } from "../../support/testing.ts";
import {
  Recorder,
  refusalOf,
  TransportTrials,
} from "../../support/transport_fixture.ts";
import { until } from "../../support/waiting.ts";

const trials = new TransportTrials({
  registry: createDefaultRegistry(),
  scheme: "tcp",
  listenAddress: () => "tcp://127.0.0.1:0",
  deadAddress: () => "tcp://127.0.0.1:1",
});
afterEach(() => trials.closeAll());

const record = (connection: ConstructorParameters<typeof Recorder>[0]) =>
  new Recorder(connection);
const portOf = (address: string) => Number(address.split(":").pop());

describe("tcp: addresses", () => {
  test("IPv6 is written with brackets", async () => {
    const listener = await trials.listen(record, {}, "tcp://[::1]:0");
    expect(listener.address).toMatch(/^tcp:\/\/\[::1\]:[1-9]\d*$/);
    const client = await trials.connect(listener.address);
    expect(client.connection.peerAddress).toBe(listener.address);
    expect(client.connection.localAddress).toMatch(/^tcp:\/\/\[::1\]:\d+$/);
  });

  test("a name is tried at its addresses", async () => {
    const listener = await trials.echo();
    const client = await trials.connect(
      `tcp://localhost:${portOf(listener.address)}`,
    );
    client.connection.write(new Uint8Array(3));
    await until("echoed", () => client.receivedBytes === 3);
  });

  test("a name without an address, a host without a way to it, and an address of somebody else are errors of their own", async () => {
    for (const work of [
      () => trials.connect("tcp://no-such-host.invalid:7000"),
      () => trials.listen(record, {}, "tcp://no-such-host.invalid:7000"),
    ])
      expect(await refusalOf(work())).toBeInstanceOf(NameNotFoundError);
    // Nobody can connect to a broadcast address: no system has a way there.
    expect(
      await refusalOf(trials.connect("tcp://255.255.255.255:7000")),
    ).toBeInstanceOf(HostUnreachableError);
    expect(
      await refusalOf(trials.listen(record, {}, "tcp://203.0.113.7:0")),
    ).toBeInstanceOf(AddressNotAvailableError);
  });

  test("a port can be shared when both ask for it, or is refused where that needs a flag", async () => {
    const options = { reusePort: true };
    const { Deno: deno } = globalThis as { Deno?: object };
    if (deno !== undefined && !("listenDatagram" in deno)) {
      expect(await refusalOf(trials.listen(record, options))).toBeInstanceOf(
        UnsupportedFeatureError,
      );
      return;
    }
    const first = await trials.listen(record, options);
    const second = await trials.listen(record, options, first.address);
    expect(second.address).toBe(first.address);
  });
});

describe("tcp: half-open peers", () => {
  test("are closed when nobody asked to keep them, after what was taken is out", async () => {
    const reasons: CloseReason[] = [];
    const answer = new TextEncoder().encode("answer");
    const listener = await trials.listen((connection) => ({
      data() {
        connection.write(answer);
      },
      drain() {},
      closed(reason) {
        reasons.push(reason);
      },
    }));
    let text = "";
    const socket = connectNet({
      host: "127.0.0.1",
      port: portOf(listener.address),
      allowHalfOpen: true,
    });
    socket.on("data", (chunk) => {
      text += chunk.toString();
    });
    socket.end("question");
    await until("closed", () => reasons.length === 1);
    await until("answered", () => text === "answer");
    socket.destroy();
    expect(reasons[0]?.kind).toBe("peer");
    expect(reasons[0]?.unsentBytes).toBe(0);
  });

  test("that never end are given up after closeTimeoutMs", async () => {
    const listener = await trials.listen(record, { closeTimeoutMs: 200 });
    // It hears the end of the other side and stays.
    const socket = connectNet({
      host: "127.0.0.1",
      port: portOf(listener.address),
      allowHalfOpen: true,
    });
    socket.on("error", () => {});
    socket.resume();
    await until("accepted", () => listener.connectionCount === 1);
    const beganAtMs = performance.now();
    await listener.close();
    expect(performance.now() - beganAtMs).toBeGreaterThanOrEqual(150);
    expect(listener.connectionCount).toBe(0);
    socket.destroy();
  });
});
