/**
 * Files go as requests through a compiled ringwire-server into a queue, where two ringwire-queue-worker processes hash
 * them: clients ask over TCP, a unix socket and WebSocket at the same time. A worker and a client are killed on the way.
 */
import type { CrossProcessQueue } from "ringwire";
import type {
  ChildProcesses,
  RunningProcess,
} from "../running/child_processes.ts";
import { killInTheMiddle } from "../running/kill_in_the_middle.ts";
import { isSettled, until } from "../running/scenario.ts";
import type { ServedFile } from "./served_files.ts";
import type { DemoServer } from "./demo_server.ts";

/** Handlers that each worker runs at a time. */
const handlersAtATime = 2;
/** Requests that each client has under way. */
const underWay = 8;
/** The client that is killed, and how many answers it has before that. */
const victim = { protocol: "ws", answers: 10 } as const;
/** Whole answers; the last line of a killed client may be cut off. */
const answerPattern = /^([0-9a-f]{64}) {2}-$/;

/** Says on stderr when a message comes for the second time; the hash is the answer. */
const handler =
  '[ "$RINGWIRE_MSG_ATTEMPT" = 1 ] || echo "again $RINGWIRE_MSG_ID" >&2; hash=$(sha256sum) && printf %s "$hash"';

/** What was asked over one protocol. */
export interface ProtocolAnswers {
  readonly protocol: string;
  readonly files: readonly ServedFile[];
  /** One for each file, in the same order. */
  readonly hashes: readonly string[];
  readonly clients: number;
  /** Requests of a killed client without an answer, which its successor asked again. */
  readonly askedAgain: number;
  readonly elapsedMs: number;
}

/** What happened. */
export interface ServedResult {
  readonly protocols: readonly ProtocolAnswers[];
  readonly elapsedMs: number;
  /** Requests that the worker held when it was killed. */
  readonly heldAtDeath: number;
  /** Requests of which a worker saw a second delivery. */
  readonly deliveredAgain: number;
  /** Requests that were put into the queue, and those that were acknowledged. */
  readonly sent: number;
  readonly acked: number;
}

/** What it needs. */
export interface ServedSetting {
  readonly files: readonly ServedFile[];
  readonly server: DemoServer;
  /** The executables. */
  readonly client: string;
  readonly worker: string;
  readonly queue: CrossProcessQueue;
  readonly children: ChildProcesses;
}

/** Each record with its length before it: the bodies may hold anything. */
function framed(files: readonly ServedFile[]): Uint8Array {
  return Buffer.concat(
    files.flatMap(({ content }) => {
      const length = Buffer.alloc(4);
      length.writeUInt32BE(content.length);
      return [length, content];
    }),
  );
}

function startClient(
  { client, children }: ServedSetting,
  url: string,
  files: readonly ServedFile[],
): RunningProcess {
  return children.start(
    [
      ...[client, "request", url, "--in-framing", "len32"],
      ...["-j", `${underWay}`, "--timeout", "30s", "--linger", "30s"],
    ],
    { input: framed(files) },
  );
}

/** The answers of a client that has ended. */
async function answersOf(client: RunningProcess): Promise<string[]> {
  const lines = (await client.output).split("\n");
  const answers = lines.map((line) => answerPattern.exec(line)?.[1]);
  const end = answers.indexOf(undefined);
  return answers
    .slice(0, end === -1 ? undefined : end)
    .filter((hash) => hash !== undefined);
}

/** @throws when it fails, or has too few answers */
async function finish(client: RunningProcess, count: number) {
  const exitCode = await client.exited;
  const hashes = await answersOf(client);
  if (exitCode !== 0 || hashes.length !== count)
    throw new Error(
      `a client had ${hashes.length} of ${count} answers and ended with ${exitCode ?? "a signal"}: ${client.errors()}`,
    );
  return hashes;
}

async function askAll(
  setting: ServedSetting,
  protocol: string,
  files: readonly ServedFile[],
): Promise<ProtocolAnswers> {
  const beganMs = performance.now();
  const url = setting.server.url(protocol);
  const client = startClient(setting, url, files);
  const hashes: string[] = [];
  let clients = 1;
  if (protocol === victim.protocol) {
    for (let count = 0; count < victim.answers; count++) await client.line();
    client.kill("SIGKILL");
    const exitCode = await client.exited;
    hashes.push(...(await answersOf(client)));
    if (exitCode !== null || hashes.length === files.length)
      throw new Error(
        `the client over ${protocol} had ended before it could be killed`,
      );
    clients++;
  }
  // What has an answer is on the list; all the rest is asked by a successor.
  const rest = files.slice(hashes.length);
  const last = clients > 1 ? startClient(setting, url, rest) : client;
  hashes.push(...(await finish(last, rest.length)));
  return {
    protocol,
    files,
    hashes,
    clients,
    askedAgain: clients > 1 ? rest.length : 0,
    elapsedMs: performance.now() - beganMs,
  };
}

/** Asks for the hash of every file. @throws when a request has no answer, or a process fails */
export async function answerWithKills(
  setting: ServedSetting,
): Promise<ServedResult> {
  const { files, server, worker, queue, children } = setting;
  const again = new Set<string>();
  const onErrorLine = (line: string): void => {
    if (line.startsWith("again ")) again.add(line);
  };
  const workers = ["worker-1", "worker-2"].map((name) =>
    children.start(
      [
        ...[worker, "work", "-q", queue.name, "--name", name],
        ...["-j", `${handlersAtATime}`, "--exec", handler],
      ],
      { onErrorLine },
    ),
  );
  const [survivor, doomed] = workers;
  if (survivor === undefined || doomed === undefined)
    throw new Error("there are no workers");
  const ended = Promise.race(workers.map(({ exited }) => exited)).then(() => {
    throw new Error(
      `a worker ended before its time: ${workers.map((one) => one.errors()).join("\n")}`,
    );
  });
  await Promise.race([
    ended,
    until(() =>
      workers.every(({ pid }) =>
        queue.status().participants.some((seen) => seen.pid === pid),
      ),
    ),
  ]);
  ended.catch(() => undefined); // From now on killInTheMiddle and the clients tell.

  const beganMs = performance.now();
  const share = Math.ceil(files.length / server.protocols.length);
  const [heldAtDeath, ...protocols] = await Promise.all([
    killInTheMiddle(queue, doomed),
    ...server.protocols.map((protocol, index) =>
      askAll(
        setting,
        protocol,
        files.slice(index * share, (index + 1) * share),
      ),
    ),
  ]);
  const elapsedMs = performance.now() - beganMs;
  // What the killed client had asked is answered too, although nobody hears it.
  await until(() => isSettled(queue));
  survivor.kill("SIGTERM");
  const exitCode = await survivor.exited;
  if (exitCode !== 0)
    throw new Error(
      `worker-1 ended with ${exitCode ?? "a signal"}: ${survivor.errors()}`,
    );
  const { sent, acked } = queue.status().counters;
  return {
    protocols,
    elapsedMs,
    heldAtDeath,
    deliveredAgain: again.size,
    sent,
    acked,
  };
}
