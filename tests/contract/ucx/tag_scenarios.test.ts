/** The programs of the requirement document of UcxWorker, in camelCase. */
import {
  ThreadMode,
  UcxWorker,
  type WorkerConfig,
} from "../../../src/ucx/mod.ts";
import { afterEach, describe, expect, test } from "../../support/testing.ts";
import { transports } from "../../support/ucx_self.ts";

const open: UcxWorker[] = [];
afterEach(() => {
  for (const worker of open.splice(0)) worker.close({ timeoutMs: 500 });
});

function create(config: WorkerConfig = {}): UcxWorker {
  const worker = new UcxWorker({ ucx: transports.tcp, ...config });
  open.push(worker);
  return worker;
}

const bytes = (words: string) => new TextEncoder().encode(words);
const text = (buffer: Uint8Array, length: number) =>
  new TextDecoder().decode(buffer.subarray(0, length));

/** What the document's server does in its loop. */
function serveOnce(worker: UcxWorker, buffer: Uint8Array): number {
  let served = 0;
  worker.progress();
  for (const endpointId of worker.getEndpointIds()) {
    const length = worker.tryReceiveTag(endpointId, 1, buffer);
    if (length === undefined) continue;
    worker.sendTag(endpointId, 1, bytes(`re: ${text(buffer, length)}`));
    served++;
  }
  return served;
}

describe("the programs of UcxWorker's document", () => {
  test("client and server: a request is answered", () => {
    const server = create({ bufferSize: 128 * 1024 });
    const buffer = new Uint8Array(server.config.bufferSize);
    const { port } = server.createListener("127.0.0.1:0");
    // Both in one process: the client's worker is the server's own, too.
    const endpointId = server.connect(`127.0.0.1:${port}`);
    server.sendTag(endpointId, 1, bytes("GET /api/data"));
    while (serveOnce(server, buffer) === 0);
    const length = server.receiveTag(endpointId, 1, buffer);
    expect(text(buffer, length)).toBe("re: GET /api/data");
  });

  test("configuration, connections and disconnecting", () => {
    const worker = create({
      threadMode: ThreadMode.Single,
      bufferSize: 64 * 1024,
      enableTag: true,
      enableStream: true,
      enableRma: false,
      progressIntervalUs: 100,
    });
    const { address } = worker.createListener("127.0.0.1:0");
    const endpointId = worker.connect(address);
    expect(worker.isConnected(endpointId)).toBe(true);
    expect(worker.getEndpointIds()).toContain(endpointId);
    worker.disconnect(endpointId);
    expect(worker.isConnected(endpointId)).toBe(false);
    worker.cleanupAll();
    expect(worker.getEndpointIds()).toEqual([]);
  });

  test("batches, broadcasts, the progress loop and statistics", () => {
    const worker = create();
    const { address } = worker.createListener("127.0.0.1:0");
    const first = worker.connect(address);
    const second = worker.connect(address);
    const buffer = new Uint8Array(1024);
    for (const [index, message] of ["msg1", "msg2", "msg3"].entries())
      worker.sendTag(first, index, bytes(message));
    for (let tag = 0; tag < 3; tag++) {
      const length = worker.receiveTag(undefined, tag, buffer);
      expect(text(buffer, length)).toBe(`msg${tag + 1}`);
    }
    const results = worker.broadcastTag(200, bytes("to all"));
    // Both ends of each connection are this worker's.
    expect(results.size).toBe(4);
    expect([...results.values()].every((error) => error === undefined)).toBe(
      true,
    );
    for (let count = 0; count < 4; count++)
      expect(worker.receiveTag(undefined, 200, buffer)).toBe(6);
    expect(worker.tryReceiveTag(undefined, 200, buffer)).toBe(undefined);
    const startMs = performance.now();
    expect(worker.runProgressLoop(50) >= 0).toBe(true);
    expect(performance.now() - startMs >= 49).toBe(true);
    const stats = worker.stats();
    expect(stats.messagesSent).toBe(7);
    expect(stats.messagesReceived).toBe(7);
    expect(stats.bytesSent).toBe(3 * 4 + 4 * 6);
    expect(stats.bytesReceived).toBe(stats.bytesSent);
    expect(worker.endpointStats(second).messagesSent).toBe(1);
    expect(stats.throughputMbps > 0).toBe(true);
    expect(stats.messageRate > 0).toBe(true);
    const lines: string[] = [];
    stats.print((line) => lines.push(line));
    expect(lines.join("\n")).toContain("messages sent");
  });
});
