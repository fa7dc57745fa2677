/** The other side of memory.test.ts: one role per start, named by the first parameter. */
import process from "node:process";
import { UcxWorker } from "../../../src/ucx/mod.ts";
import { patternBytes } from "../../support/byte_pattern.ts";
import { acceptOne, say } from "../../support/ucx_peer.ts";

const [role = "", tls = "", address = ""] = process.argv.slice(2);

const ucx = { TLS: tls, NET_DEVICES: "lo" };
const size = 2 ** 24;

const roles: Readonly<Record<string, () => void>> = {
  /** Gives its memory to the peer; says which bytes differ from the pattern when the peer has left, and the first word. */
  owner() {
    using worker = new UcxWorker({ ucx, enableRma: true });
    using memory = worker.registerMemory(size);
    const id = acceptOne(worker);
    worker.sendTag(id, 1, memory.exportKey());
    while (worker.isConnected(id)) worker.runProgressLoop(5);
    const expected = patternBytes(size);
    let different = 0;
    for (let index = 8; index < size; index++)
      if (memory.bytes[index] !== expected[index]) different++;
    const words = new BigUint64Array(memory.bytes.buffer as ArrayBuffer, 0, 1);
    say({ different, first: Number(words[0]) });
  },

  /** Adds 1000 times to the first word of a peer's memory, then leaves. */
  counter() {
    using worker = new UcxWorker({ ucx, enableRma: true });
    const id = worker.connect(address);
    const key = new Uint8Array(new ArrayBuffer(1000));
    const bytes = worker.receiveTag(id, 1, key);
    using remote = worker.importMemory(id, key.subarray(0, bytes));
    for (let count = 0; count < 1000; count++) remote.atomics64.fetchAdd(0, 1n);
    for (let count = 0; count < 1000; count++) remote.atomics64.add(0, 1n);
    for (let count = 0; count < 100; count++) remote.atomics64.fetchXor(8, 1n);
    remote.flush();
    remote.close();
    worker.disconnect(id);
    say("counted");
  },
};

roles[role]?.();
