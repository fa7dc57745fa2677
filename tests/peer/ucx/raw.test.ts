/** Raw mode against UCX's own example programs, as both client and server. */
import {
  type PeerProcess,
  peerFixture,
  type Runtime,
} from "../../support/peer_process.ts";
import {
  afterAll,
  afterEach,
  describe,
  expect,
  test,
} from "../../support/testing.ts";
import { UcxExamples } from "../../support/ucx_examples.ts";

const peers = peerFixture();
const examples = new UcxExamples();
const program = new URL("./raw_program.ts", import.meta.url);
const timeoutMs = 60_000;
const transports = { tcp: "tcp", "shared memory": "posix,cma,tcp" };
const runtimes: readonly Runtime[] = ["bun", "deno"];
const kinds = ["tag", "stream", "am"] as const;

afterEach(() => peers.stopAll());
afterAll(() => examples.remove());

/** Starts an example so that its lines come one by one. */
function startExample(
  name: "ucp_client_server" | "ucp_hello_world",
  tls: string,
  ...parameters: readonly (string | number)[]
): PeerProcess {
  return peers.startCommand(
    ["stdbuf", "-oL", examples.path(name), ...parameters.map(String)],
    {
      UCX_TLS: tls,
      UCX_NET_DEVICES: "lo",
      UCX_LOG_LEVEL: "error",
      // What ours have: UCX wants the same at both ends.
      UCX_KEEPALIVE_INTERVAL: "200ms",
      UCX_MM_ERROR_HANDLING: "y",
      UCX_MAX_RNDV_LANES: "1",
      UCX_RNDV_SCHEME: "get_zcopy",
    },
  );
}

/** Lines of a process up to one that has the text. */
async function linesUntil(peer: PeerProcess, text: string): Promise<string[]> {
  const lines: string[] = [];
  do lines.push(await peer.line());
  while (!lines.at(-1)?.includes(text));
  return lines;
}

/** What a process has written to stderr, as soon as it matches. */
async function errorsMatching(
  peer: PeerProcess,
  pattern: RegExp,
): Promise<string> {
  const endMs = performance.now() + 20_000;
  for (;;) {
    const found = pattern.exec(peer.errors())?.[1];
    if (found !== undefined) return found;
    if (performance.now() > endMs)
      throw new Error(`not found: ${pattern} in\n${peer.errors()}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

for (const [name, tls] of Object.entries(transports)) {
  for (const runtime of runtimes) {
    for (const kind of kinds) {
      test(
        `${runtime} in raw mode sends to ucp_client_server -c ${kind} over ${name}`,
        async () => {
          for (const [size, parts, most] of [
            [16, 1, 3],
            [1000, 4, 2],
            [500_000, 1, 1],
          ] as const) {
            // The example keeps one active message at a time, and overlooks a second one.
            const count = kind === "am" ? 1 : most;
            const server = startExample(
              "ucp_client_server",
              tls,
              ...["-c", kind, "-l", "127.0.0.1", "-p", 0],
              ...["-s", size, "-v", parts, "-i", count],
            );
            const port = await errorsMatching(server, /port (\d+)\n/);
            const numbers = [size, parts, count].map(String);
            const ours = peers.start(
              runtime,
              program,
              "send",
              tls,
              kind,
              port,
              ...numbers,
            );
            expect(await ours.line()).toBe('"sent"');
            await linesUntil(server, `Server: iteration #${count}`);
            const lines = await linesUntil(server, "Waiting for connection");
            const text = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
              .repeat(Math.ceil(size / 26))
              .slice(0, size - 1);
            expect(lines.filter((line) => line === `${text}.`).length).toBe(
              parts,
            );
            expect((await ours.exited).code).toBe(0);
            server.kill("SIGKILL");
          }
        },
        { timeoutMs },
      );

      test(
        `${runtime} in raw mode receives from ucp_client_server -c ${kind} over ${name}`,
        async () => {
          // The example breaks off as soon as its last message has left: what it sent last may be lost, so it sends more.
          for (const [size, parts, count, more] of [
            [16, 1, 1000, 100_000],
            [50_000, 3, 10, 50],
          ] as const) {
            const ours = peers.start(
              runtime,
              program,
              "receive",
              tls,
              kind,
              "",
              ...[size, parts, count].map(String),
            );
            const port = await ours.line();
            const client = startExample(
              "ucp_client_server",
              tls,
              ...["-c", kind, "-a", "127.0.0.1", "-p", port],
              ...["-s", size, "-v", parts, "-i", more],
            );
            expect(JSON.parse(await ours.line())).toBeGreaterThan(count - 1);
            expect((await ours.exited).code).toBe(0);
            client.kill("SIGKILL");
          }
        },
        { timeoutMs },
      );
    }

    // With -e the example asks for errors of its peer, as we do; the failures that it plays are the other side's. As the
    // server it then waits until we are gone.
    describe(`${runtime} in raw mode and ucp_hello_world over ${name}`, () => {
      test(
        "speak by worker addresses, with us as the client",
        async () => {
          for (const size of [16, 100_000]) {
            const port = 20_000 + Math.floor(Math.random() * 10_000);
            const server = startExample(
              "ucp_hello_world",
              tls,
              ...["-e", "keepalive", "-p", port, "-s", size],
            );
            await linesUntil(server, "Waiting for connection");
            const ours = peers.start(
              runtime,
              program,
              "hello-client",
              tls,
              "tag",
              String(port),
              String(size),
            );
            expect(await ours.line()).toBe("true");
            expect((await ours.exited).code).toBe(0);
            expect((await server.exited).code).toBe(0);
          }
        },
        { timeoutMs },
      );

      test(
        "speak by worker addresses, with us as the server",
        async () => {
          for (const size of [16, 100_000]) {
            const ours = peers.start(
              runtime,
              program,
              "hello-server",
              tls,
              "tag",
              "",
              String(size),
            );
            const client = startExample(
              "ucp_hello_world",
              tls,
              ...["-e", "send", "-n", "127.0.0.1"],
              ...["-p", await ours.line(), "-s", size],
            );
            await linesUntil(client, "UCP TEST SUCCESS");
            expect((await client.exited).code).toBe(0);
            expect(await ours.line()).toBe('"served"');
            expect((await ours.exited).code).toBe(0);
          }
        },
        { timeoutMs },
      );
    });
  }
}
