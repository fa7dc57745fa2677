/** The server of active_messages.ts: adds numbers up as they come, and tells the total when it is asked. */
import { UcxWorker } from "ringwire";

const messages = { add: 1, total: 2 } as const;
const totalTag = 1;

using worker = new UcxWorker({ name: "server", enableActiveMessages: true });
const listener = worker.createListener("127.0.0.1:0");
const handled: string[] = [];
let total = 0;
let running = true;
worker.onActiveMessage(messages.add, ({ data }) => {
  const number = Number(new TextDecoder().decode(data));
  total += number;
  handled.push(`add ${number}`);
});
worker.onActiveMessage(messages.total, ({ endpointId }) => {
  if (endpointId === undefined) return;
  worker.sendTag(endpointId, totalTag, new TextEncoder().encode(`${total}`));
  running = false;
});
console.log(listener.address);
// Handlers run within, after UCX is done.
while (running) worker.runProgressLoop(1);
console.log(handled.join(", "));
