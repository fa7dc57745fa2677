/** The other side of active_messages.test.ts: one role per start, named by the first parameter. */
import process from "node:process";
import { UcxWorker } from "../../../src/ucx/mod.ts";
import { patternBytes } from "../../support/byte_pattern.ts";
import { acceptOne, say } from "../../support/ucx_peer.ts";

const [role = "", tls = ""] = process.argv.slice(2);

const worker = new UcxWorker({
  ucx: { TLS: tls, NET_DEVICES: "lo" },
  enableActiveMessages: true,
  keepAliveMs: 200,
});
const none = new Uint8Array(0);

/** Progresses until the peer has left. */
function stay(id: number): void {
  while (worker.isConnected(id)) worker.runProgressLoop(5);
}

const roles: Readonly<Record<string, () => void>> = {
  /** Sends back what it gets, with the same header and an id one higher; says how many there were. */
  echo() {
    let count = 0;
    worker.onActiveMessage(1, ({ endpointId = 0, header, data }) => {
      count++;
      worker.sendActiveMessage(endpointId, 2, header, data);
    });
    stay(acceptOne(worker));
    say(count);
  },

  /** Sends without an end, to be killed. */
  flood() {
    const id = acceptOne(worker);
    const short = patternBytes(1000);
    const long = patternBytes(3_000_000);
    for (;;) {
      worker.sendActiveMessage(id, 1, none, short);
      worker.sendActiveMessage(id, 1, none, long);
    }
  },

  /** Takes nothing: it has stopped when the connection is there, to be killed. */
  deaf() {
    worker.onActiveMessage(1, () => {});
    acceptOne(worker);
    say("deaf");
    process.kill(process.pid, "SIGSTOP");
  },
};

roles[role]?.();
worker.close();
process.exit(0);
