/** The part of the contract suite about handlers, listening and connecting. */
import { setWarningSink } from "../../src/base/warnings.ts";
import type { Connection } from "../../src/transport/adapter.ts";
import {
  AddressInUseError,
  TransportError,
} from "../../src/transport/errors.ts";
import { patternBytes } from "./byte_pattern.ts";
import { describe, expect, test } from "./testing.ts";
import {
  firstDifference,
  Recorder,
  refusalOf,
  type TransportTrials,
} from "./transport_fixture.ts";
import { until } from "./waiting.ts";

async function withWarnings(
  work: (lines: string[]) => Promise<void>,
): Promise<void> {
  const lines: string[] = [];
  const before = setWarningSink((line) => lines.push(line));
  try {
    await work(lines);
  } finally {
    setWarningSink(before);
  }
}

/** Registers it. */
export function listeningContract(trials: TransportTrials): void {
  const { fixture } = trials;
  /** Connects where nobody is let in: it is closed before or after it is ready. */
  const turnedAway = async (address: string): Promise<void> => {
    const outcome = await trials
      .connect(address)
      .catch((error: unknown) => error);
    if (outcome instanceof Recorder) await outcome.whenClosed();
    else expect(outcome).toBeInstanceOf(TransportError);
  };

  describe(`${fixture.scheme}: handlers`, () => {
    test("may write in onConnection, at both ends", async () => {
      const hello = patternBytes(100);
      const servers: Recorder[] = [];
      const listener = await trials.listen((connection) => {
        connection.write(hello);
        const server = new Recorder(connection);
        servers.push(server);
        return server;
      });
      const client = await trials.connect(
        listener.address,
        {},
        (connection) => {
          connection.write(hello);
          return new Recorder(connection);
        },
      );
      await until("hello", () => client.receivedBytes === 100);
      await until("hello there", () => servers[0]?.receivedBytes === 100);
    });

    test("that throw abort their connection and no other", async () => {
      await withWarnings(async (lines) => {
        const { client, server, listener } = await trials.pair();
        server.onData = () => {
          throw new Error("a bug");
        };
        const other = await trials.connect(listener.address);
        client.connection.write(new Uint8Array(1));
        const reason = await server.whenClosed();
        expect(reason.kind).toBe("aborted");
        expect(reason.reason).toContain("a bug");
        expect(lines.join("\n")).toContain("a bug");
        await client.whenClosed();
        expect(other.connection.state).toBe("open");
      });
    });

    test("that cannot be made refuse the connection", async () => {
      await withWarnings(async (lines) => {
        const failure = new Error("no handler today");
        const listener = await trials.listen(() => {
          throw failure;
        });
        await turnedAway(listener.address);
        await until("warned", () => lines.length > 0);
        expect(lines.join("\n")).toContain("no handler today");
        const echo = await trials.echo();
        expect(
          await refusalOf(
            trials.connect(echo.address, {}, () => {
              throw failure;
            }),
          ),
        ).toBe(failure);
      });
    });
  });

  describe(`${fixture.scheme}: listening and connecting`, () => {
    test(
      "1,000 connections at once, each with its own bytes",
      async () => {
        const listener = await trials.echo();
        const clients: Recorder[] = [];
        for (let batch = 0; batch < 10; batch++)
          clients.push(
            ...(await Promise.all(
              Array.from({ length: 100 }, () =>
                trials.connect(listener.address),
              ),
            )),
          );
        await until("all accepted", () => listener.connectionCount === 1000);
        for (const [index, client] of clients.entries())
          client.connection.write(patternBytes(64, index * 64));
        await until("all echoed", () =>
          clients.every((client) => client.receivedBytes === 64),
        );
        for (const [index, client] of clients.entries())
          expect(
            firstDifference(client.bytes(), patternBytes(64, index * 64)),
          ).toBe(-1);
        await Promise.all(clients.map((client) => client.connection.close()));
        await until("none left", () => listener.connectionCount === 0);
        expect(listener.statistics.accepted).toBe(1000);
      },
      { timeoutMs: 60_000 },
    );

    test("more connections than allowed are refused, and there is room again afterwards", async () => {
      const accepted: Connection[] = [];
      const listener = await trials.listen(
        (connection) => {
          accepted.push(connection);
          return new Recorder(connection);
        },
        { maxConnections: 2 },
      );
      const first = await trials.connect(listener.address);
      await trials.connect(listener.address);
      await until("two", () => accepted.length === 2);
      await turnedAway(listener.address);
      expect(listener.statistics.refused).toBe(1);
      expect(accepted.length).toBe(2);
      await first.connection.close();
      await until("room", () => listener.connectionCount === 1);
      await trials.connect(listener.address);
      await until("three", () => accepted.length === 3);
    });

    test("an address that is in use is refused", async () => {
      const listener = await trials.echo();
      const refused = await refusalOf(
        trials.listen((c) => new Recorder(c), {}, listener.address),
      );
      expect(refused).toBeInstanceOf(AddressInUseError);
      expect((refused as AddressInUseError).address).toBe(listener.address);
      // And whoever listens there goes on.
      await trials.connect(listener.address);
    });

    test("where nobody listens, it is refused with a typed error", async () => {
      const address = fixture.deadAddress();
      const refused = await refusalOf(trials.connect(address));
      expect(refused).toBeInstanceOf(TransportError);
      expect(["ConnectionRefused", "PathNotFound"]).toContain(
        (refused as TransportError).code,
      );
      expect((refused as TransportError).address).toBe(address);
    });

    test("connecting gives up when the signal fires", async () => {
      const listener = await trials.echo();
      const stop = new AbortController();
      const reason = new Error("changed my mind");
      const connecting = trials.connect(listener.address, {
        signal: stop.signal,
      });
      stop.abort(reason);
      expect(await refusalOf(connecting)).toBe(reason);
      expect(
        await refusalOf(
          trials.connect(listener.address, { signal: stop.signal }),
        ),
      ).toBe(reason);
      // What was given up does not stay.
      await until("none left", () => listener.connectionCount === 0);
    });

    test("wrong options and ranges are refused with what is allowed", async () => {
      const { client, listener } = await trials.pair();
      for (const [from, to] of [
        [-1, 1],
        [0, 11],
        [5, 4],
      ] as const)
        expect(() =>
          client.connection.write(new Uint8Array(10), from, to),
        ).toThrow(RangeError);
      expect(client.connection.write(new Uint8Array(10), 4, 4)).toBe(0);
      const wrong = await refusalOf(
        trials.connect(listener.address, { closeTimeoutMs: -1 }),
      );
      expect(wrong).toBeInstanceOf(RangeError);
      expect((wrong as RangeError).message).toContain("given -1");
      expect(
        await refusalOf(
          trials.listen((c) => new Recorder(c), {
            maxConnections: "many" as unknown as number,
          }),
        ),
      ).toBeInstanceOf(TypeError);
    });

    test("stop accepts no more and keeps what is open; close ends it", async () => {
      const { client, server, listener } = await trials.pair();
      await listener.stop();
      await listener.stop();
      expect(
        await refusalOf(trials.connect(listener.address, { timeoutMs: 2000 })),
      ).toBeInstanceOf(TransportError);
      client.connection.write(new Uint8Array(5));
      await until("there", () => server.receivedBytes === 5);
      await Promise.all([listener.close(), listener.close()]);
      expect(server.closeReason?.kind).toBe("local");
      expect((await client.whenClosed()).kind).toBe("peer");
    });

    test("addresses and statistics say what happened", async () => {
      const { client, server, listener } = await trials.pair();
      const scheme = `${fixture.scheme}://`;
      expect(client.connection.scheme).toBe(fixture.scheme);
      expect(client.connection.peerAddress).toBe(listener.address);
      expect(server.connection.localAddress).toBe(listener.address);
      expect(server.connection.peerAddress).toBe(
        client.connection.localAddress,
      );
      expect(server.connection.peerAddress.startsWith(scheme)).toBe(true);
      client.connection.write(new Uint8Array(100), 10, 30);
      client.connection.write(new Uint8Array(5));
      await until("there", () => server.receivedBytes === 25);
      const sent = client.connection.statistics;
      expect([sent.bytesSent, sent.writes, sent.shortWrites]).toEqual([
        25, 2, 0,
      ]);
      const got = server.connection.statistics;
      expect([got.bytesReceived, got.bytesSent]).toEqual([25, 0]);
      expect(got.chunks).toBe(server.chunks.length);
      expect(got.lastActivityAtMs).toBeGreaterThanOrEqual(got.openedAtMs);
      expect(Math.abs(Date.now() - got.openedAtMs)).toBeLessThan(60_000);
      expect(listener.connectionCount).toBe(1);
    });
  });
}
