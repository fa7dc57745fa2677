/** What one exchange costs within one process, without a peer and so without moving cache lines. Argument: {queue, runtime}. */
import process from "node:process";
import { openShim } from "../../ffi/shm/symbols.ts";
import { CrossProcessQueue } from "../../src/queue/mod.ts";
import { type Exchange, exchanges, smallJob } from "./exchanges.ts";
import { reportCost } from "./rounds.ts";

const { queue: name, runtime } = JSON.parse(process.argv[2] ?? "{}") as {
  queue: string;
  runtime: string;
};
const queue = CrossProcessQueue.create(name, { maxMessageSize: 1024 });
try {
  const shim = openShim();
  reportCost(`limit.${runtime}.native-call`, () => {
    for (let index = 0; index < 64; index++) shim.rwq_abi_version();
    return 64;
  });
  const encoder = new TextEncoder();
  const decoder = new TextDecoder();
  reportCost(`limit.${runtime}.json`, () => {
    const value = JSON.parse(
      decoder.decode(encoder.encode(JSON.stringify(smallJob))),
    ) as typeof smallJob;
    if (value.id !== smallJob.id) throw new Error("a job came out different");
    return 1;
  });
  for (const [exchange, way] of Object.entries<Exchange>(exchanges)) {
    reportCost(`${runtime}.alone.${exchange}`, () => {
      const sent = way.send(queue);
      if (way.take(queue) !== sent) throw new Error("not all came back");
      return sent;
    });
  }
} finally {
  queue.destroy();
}
