/** The owner of the memory of remote_memory.ts: gives its key to who connects, and shows in the end what is in it. */
import { UcxWorker } from "ringwire";

const keyTag = 1;
const doneTag = 2;

// Only for peers that are trusted: UCX checks neither who they are nor where they write.
using worker = new UcxWorker({ name: "owner", enableRma: true });
using memory = worker.registerMemory(4096);
const listener = worker.createListener("127.0.0.1:0");
console.log(listener.address);
while (worker.getEndpointIds().length === 0) worker.runProgressLoop(1);
const [endpoint = 0] = worker.getEndpointIds();
worker.sendTag(endpoint, keyTag, memory.exportKey());

// Nothing is received here but this: what the other does to the memory happens while this waits.
worker.receiveTag(endpoint, doneTag, new Uint8Array(0));
const { bytes } = memory;
const counter = new DataView(bytes.buffer, bytes.byteOffset);
console.log(`counter ${counter.getBigUint64(0, true)}`);
console.log(`text "${new TextDecoder().decode(bytes.subarray(8, 21))}"`);
worker.disconnect(endpoint);
