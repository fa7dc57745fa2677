/** The other side of streams.test.ts: one role per start, named by the first parameter. */
import process from "node:process";
import { UcxError, UcxWorker } from "../../../src/ucx/mod.ts";
import { patternAt, patternBytes } from "../../support/byte_pattern.ts";
import { acceptOne, say } from "../../support/ucx_peer.ts";

const [role = "", tls = "", ...rest] = process.argv.slice(2);

const ucx = { TLS: tls, NET_DEVICES: "lo" };

const roles: Readonly<Record<string, () => void>> = {
  /** Sends back whatever comes, until the end. Says how much that was. */
  echo() {
    using worker = new UcxWorker({ ucx });
    const id = acceptOne(worker);
    const buffer = new Uint8Array(new ArrayBuffer(2 ** 20));
    let total = 0;
    for (;;) {
      const bytes = worker.receiveStream(id, buffer);
      if (bytes === 0) break;
      worker.sendStream(id, buffer.subarray(0, bytes));
      total += bytes;
    }
    say(total);
  },

  /** Sends so many bytes and leaves at once. */
  source() {
    using worker = new UcxWorker({ ucx });
    const id = acceptOne(worker);
    worker.sendStream(id, patternBytes(Number(rest[0])));
    worker.disconnect(id);
    say("left");
  },

  /** Sends without an end, to be killed; says when a lot is sent. */
  flood() {
    using worker = new UcxWorker({ ucx });
    const id = acceptOne(worker);
    const piece = patternBytes(100_000);
    for (let count = 0; ; count++) {
      worker.sendStream(id, piece);
      if (count === 20) say("flowing");
    }
  },

  /** Accepts, reads nothing, and progresses until it is killed. */
  idle() {
    using worker = new UcxWorker({ ucx });
    acceptOne(worker);
    say("idle");
    worker.runProgressLoop();
  },

  /** Connects and reads slowly to the end; says the largest memory it needed meanwhile, in bytes, and what it has read. */
  slow() {
    using worker = new UcxWorker({ ucx, streamWindowBytes: 65_536 });
    const id = worker.connect(rest[0] ?? "");
    const buffer = new Uint8Array(new ArrayBuffer(50_000));
    const before = process.memoryUsage().rss;
    let most = before;
    let total = 0;
    let wrong = 0;
    for (;;) {
      worker.runProgressLoop(1);
      const bytes = worker.receiveStream(id, buffer);
      if (bytes === 0) break;
      for (let index = 0; index < bytes; index += 997)
        if (buffer[index] !== patternAt(total + index)) wrong++;
      total += bytes;
      most = Math.max(most, process.memoryUsage().rss);
    }
    say({ grown: most - before, total, wrong });
  },
};

try {
  roles[role]?.();
} catch (error) {
  if (!(error instanceof UcxError)) throw error;
  say({ error: error.code });
}
