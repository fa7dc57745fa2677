import { createDefaultRegistry } from "../../../src/transport/protocols/builtin.ts";
import {
  ConnectionClosedError,
  TimedOutError,
  TransportError,
} from "../../../src/transport/errors.ts";
import { peerFixture } from "../../support/peer_process.ts";
import { TestAuthority } from "../../support/test_certificates.ts";
import {
  afterAll,
  afterEach,
  describe,
  expect,
  test,
} from "../../support/testing.ts";
import {
  removeSocketPaths,
  socketPath,
  TransportTrials,
} from "../../support/transport_fixture.ts";
import { pause, until } from "../../support/waiting.ts";

const authority = new TestAuthority();
const server = authority.issue("localhost", "DNS:localhost,IP:127.0.0.1");
const program = new URL("./stream_program.ts", import.meta.url);
const peers = peerFixture();
const trials = new TransportTrials({
  registry: createDefaultRegistry(),
  scheme: "tcp",
  listenAddress: () => "tcp://127.0.0.1:0",
  deadAddress: () => "tcp://127.0.0.1:1",
  connectOptions: () => ({}),
});
afterEach(async () => {
  await trials.closeAll();
  await peers.stopAll();
});
afterAll(() => {
  authority.remove();
  removeSocketPaths();
});

const runtimes = ["bun", "deno"] as const;
const addresses = {
  tcp: () => "tcp://127.0.0.1:0",
  unix: () => `unix://${socketPath()}`,
  tls: () => "tls://127.0.0.1:0",
  ws: () => "ws://127.0.0.1:0/",
  wss: () => "wss://127.0.0.1:0/",
};
const overTls: ReadonlySet<string> = new Set(["tls", "wss"]);

describe("streams between processes", () => {
  for (const [scheme, address] of Object.entries(addresses)) {
    for (const here of runtimes)
      for (const there of runtimes)
        test(
          `${scheme}: ${here} to ${there} and back, 8 MiB`,
          async () => {
            const material = overTls.has(scheme)
              ? [authority.ca, server.cert, server.key]
              : [];
            const listening = peers.start(
              there,
              program,
              "listen",
              address(),
              "echo",
              ...material,
            );
            const client = peers.start(
              here,
              program,
              "connect",
              await listening.line(),
              String(8 * 2 ** 20),
              ...material,
            );
            expect(await client.line()).toBe("true local 0");
            expect(await listening.line()).toBe("closed peer");
          },
          { timeoutMs: 40_000 },
        );

    for (const there of runtimes)
      test(
        `${scheme}: a killed peer (${there}) is a typed end, and writing to it a typed error`,
        async () => {
          const tls = overTls.has(scheme);
          const listening = peers.start(
            there,
            program,
            "listen",
            address(),
            "silent",
            ...(tls ? [authority.ca, server.cert, server.key] : []),
          );
          const client = await trials.connect(
            await listening.line(),
            tls ? { tls: { ca: authority.ca } } : {},
          );
          client.connection.write(new Uint8Array(1000));
          await pause(20);
          listening.kill("SIGKILL");
          const reason = await client.whenClosed();
          expect(["peer", "reset"]).toContain(reason.kind);
          if (reason.kind === "reset")
            expect(reason.error).toBeInstanceOf(TransportError);
          expect(() => client.connection.write(new Uint8Array(1))).toThrow(
            ConnectionClosedError,
          );
        },
        { timeoutMs: 20_000 },
      );
  }

  for (const there of runtimes)
    test(
      `a peer (${there}) killed with unread bytes is a reset, also while the writer waits to drain`,
      async () => {
        const listening = peers.start(
          there,
          program,
          "listen",
          addresses.tcp(),
          "stuck",
        );
        const client = await trials.connect(await listening.line());
        const sending = client.send(new Uint8Array(64 * 2 ** 20));
        sending.catch(() => {});
        let before = -1;
        await until("stuck", () => {
          const now = client.connection.statistics.bytesSent;
          const isStuck = now > 0 && now === before;
          before = now;
          return isStuck;
        });
        listening.kill("SIGKILL");
        const reason = await client.whenClosed();
        expect(reason.kind).toBe("reset");
        expect(reason.error?.code).toBe("ConnectionReset");
      },
      { timeoutMs: 20_000 },
    );

  test(
    "a listener that accepts nothing and is full does not answer: connecting gives up in time",
    async () => {
      const listening = peers.start(
        "deno",
        new URL("./full_listener_program.ts", import.meta.url),
      );
      const address = await listening.line();

      let gaveUp: unknown;
      // Its queue takes a few first.
      for (let count = 0; count < 10 && gaveUp === undefined; count++)
        gaveUp = await trials
          .connect(address, { timeoutMs: 500 })
          .then(() => undefined)
          .catch((error: unknown) => error);
      expect(gaveUp).toBeInstanceOf(TimedOutError);
    },
    { timeoutMs: 20_000 },
  );

  for (const there of runtimes)
    test(
      `without descriptors a listener (${there}) waits, and accepts when it has some again`,
      async () => {
        const listening = peers.startWithin(
          100,
          there,
          program,
          "listen",
          addresses.tcp(),
          "descriptors",
        );
        const address = await listening.line();
        expect(await listening.line()).toBe("full true");
        await trials.connect(address);
        expect(await listening.line()).toBe("accepted");
      },
      { timeoutMs: 30_000 },
    );
});
