import {
  type PeerProcess,
  peerFixture,
  type Runtime,
} from "../../support/peer_process.ts";
import { afterEach, describe, expect, test } from "../../support/testing.ts";

const peers = peerFixture();
const program = new URL("./async_peer_program.ts", import.meta.url);
const timeoutMs = 60_000;
const sharedMemory = "posix,cma,tcp";

afterEach(() => peers.stopAll());

async function serve(
  runtime: Runtime,
  tls: string,
  mode = "adaptive",
): Promise<{ server: PeerProcess; address: string }> {
  const server = peers.start(runtime, program, "serve", "", tls, mode);
  return { server, address: JSON.parse(await server.line()) as string };
}

async function lineOf(peer: PeerProcess): Promise<unknown> {
  return JSON.parse(await peer.line());
}

const pairs: readonly (readonly [Runtime, Runtime, string])[] = [
  ["bun", "deno", "tcp"],
  ["bun", "deno", sharedMemory],
  ["deno", "bun", "tcp"],
  ["deno", "bun", sharedMemory],
  ["bun", "bun", sharedMemory],
  ["deno", "deno", "tcp"],
];

for (const [one, other, tls] of pairs)
  describe(`${one} asks ${other} over ${tls}`, () => {
    test(
      "questions, a batch, a long message, and both end by themselves",
      async () => {
        const { server, address } = await serve(other, tls);
        const client = peers.start(
          one,
          program,
          "ask",
          address,
          tls,
          "adaptive",
          "stop",
        );
        expect(await lineOf(client)).toEqual({
          ordered: true,
          sum: (3000 * 2999) / 2,
          same: true,
          length: 3 * 2 ** 20,
          pinged: true,
        });
        expect((await client.exited).code).toBe(0);
        expect(await lineOf(server)).toEqual({
          closed: "us",
          orderly: true,
        });
        expect(await lineOf(server)).toBe("end");
        expect((await server.exited).code).toBe(0);
      },
      { timeoutMs },
    );
  });

describe("a server with two threads", () => {
  for (const [one, other] of [
    ["bun", "deno"],
    ["deno", "bun"],
  ] as const)
    test(
      `of ${other} serves connections of ${one}'s blocking level, spread over both`,
      async () => {
        const server = peers.start(other, program, "threads");
        const address = JSON.parse(await server.line()) as string;
        const client = peers.start(one, program, "block", address);
        expect(await lineOf(client)).toBe(2);
        expect((await client.exited).code).toBe(0);
      },
      { timeoutMs },
    );
});

describe("modes of progress", () => {
  for (const mode of ["busy", "sleep"])
    test(
      `${mode}: two processes exchange everything`,
      async () => {
        const { address } = await serve("bun", sharedMemory, mode);
        const client = peers.start(
          "deno",
          program,
          "ask",
          address,
          sharedMemory,
          mode,
        );
        const said = (await lineOf(client)) as { readonly sum: number };
        expect(said.sum).toBe((3000 * 2999) / 2);
        expect((await client.exited).code).toBe(0);
      },
      { timeoutMs },
    );
});

for (const runtime of ["bun", "deno"] as const)
  describe(`${runtime}, when the other side goes away`, () => {
    for (const tls of ["tcp", sharedMemory])
      test(
        `a killed server ends a receive that waits (${tls})`,
        async () => {
          const { server, address } = await serve("bun", tls);
          const client = peers.start(runtime, program, "wait", address, tls);
          expect(await lineOf(client)).toBe("connected");
          server.kill("SIGKILL");
          const { code } = (await lineOf(client)) as { readonly code: string };
          expect(code).toBe("UcxConnectionReset");
          expect((await client.exited).code).toBe(0);
        },
        { timeoutMs },
      );

    test(
      "a killed client ends its handler, and the server serves the next",
      async () => {
        const { server, address } = await serve(runtime, "tcp");
        const killed = peers.start("bun", program, "wait", address);
        expect(await lineOf(killed)).toBe("connected");
        killed.kill("SIGKILL");
        expect(await lineOf(server)).toEqual({
          closed: "peer",
          orderly: false,
          code: "UcxConnectionReset",
        });
        const next = peers.start(
          "bun",
          program,
          "ask",
          address,
          "tcp",
          "adaptive",
          "stop",
        );
        expect((await next.exited).code).toBe(0);
        expect((await server.exited).code).toBe(0);
      },
      { timeoutMs },
    );

    test(
      "it exits by itself with everything open when nothing waits",
      async () => {
        const { server, address } = await serve("bun", "tcp");
        const client = peers.start(runtime, program, "leave", address);
        expect(await lineOf(client)).toBe("left");
        expect((await client.exited).code).toBe(0);
        expect(await lineOf(server)).toEqual({
          closed: "peer",
          orderly: false,
          code: "UcxConnectionReset",
        });
      },
      { timeoutMs },
    );

    test(
      "connected and asleep, it takes next to no processor time",
      async () => {
        const { server, address } = await serve(runtime, sharedMemory);
        const client = peers.start(
          runtime,
          program,
          "wait",
          address,
          sharedMemory,
        );
        expect(await lineOf(client)).toBe("connected");
        await new Promise((resolve) => setTimeout(resolve, 2000));
        server.kill("SIGKILL");
        const said = (await lineOf(client)) as {
          readonly code: string;
          readonly cpuMs: number;
        };
        expect(said.code).toBe("UcxConnectionReset");
        // Of two seconds and more; spinning would take all of them.
        expect(said.cpuMs).toBeLessThan(400);
      },
      { timeoutMs },
    );
  });
