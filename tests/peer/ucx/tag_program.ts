/** The other side of the tests of tagged messages: a server with one role, named by the first parameter. */
import process from "node:process";
import { type EndpointId, UcxWorker } from "../../../src/ucx/mod.ts";
import { transports } from "../../support/ucx_self.ts";

const [role = "", transport = "tcp"] = process.argv.slice(2);
const worker = new UcxWorker({
  ucx: transports[transport as keyof typeof transports],
  timeoutMs: 20_000,
  creditMessages: 64,
});
const listener = worker.createListener("127.0.0.1:0");
process.stdout.write(`${listener.address}\n`);

let client: EndpointId | undefined;
worker.events.on("open", (id) => {
  client = id;
});
const endMs = performance.now() + 20_000;
while (client === undefined && performance.now() < endMs) worker.progress();
const id = client ?? 0;

const roles: Readonly<Record<string, () => void>> = {
  /** Sends each message back with its tag, the empty one with tag 0 last. */
  echo() {
    for (;;) {
      const message = worker.receiveTagMessage(id, undefined, {
        maxBytes: 2 ** 27,
      });
      worker.sendTag(id, message.tag, message.data);
      if (message.tag === 0) return;
    }
  },

  /** Sends numbered messages of tag 1, more than its credit, then one of tag 2, and closes. */
  flood() {
    for (let index = 0; index < 500; index++)
      worker.sendTag(id, 1, Uint8Array.of(index & 255, index >>> 8));
    worker.sendTag(id, 2, new Uint8Array(3));
  },

  /** Begins to send something long, and waits to be killed. */
  announce() {
    worker.startSendTag(id, 1, new Uint8Array(2 ** 22));
    worker.runProgressLoop(200);
    process.stdout.write("announced\n");
    worker.runProgressLoop(20_000);
  },
};
roles[role]?.();
worker.close({ timeoutMs: 10_000 });
process.stdout.write("done\n");
