/**
 * Does as told with an event source of the kind named first, and prints `armed` and `ready`. The rest are steps, one
 * after the other: `arm`, `rest`, `ref`, `unref`, `raise`, `close`, `pause` (50 ms, which keep the process alive).
 */
import process from "node:process";
import { openEventSource } from "../../../ffi/event_source.ts";
import type { EventSourceKind } from "../../../ffi/event_watch.ts";
import { createLevelDescriptor } from "../../support/level_descriptor.ts";

const [kind = "", ...steps] = process.argv.slice(2);
const level = createLevelDescriptor();
const source = openEventSource({
  descriptor: level.descriptor,
  onReady: () => console.log("ready"),
  ...(kind === "" ? {} : { kind: kind as EventSourceKind }),
});
for (const step of steps) {
  if (step === "arm") source.arm();
  else if (step === "rest") source.rest();
  else if (step === "ref") source.ref();
  else if (step === "unref") source.unref();
  else if (step === "raise") level.raise();
  else if (step === "close") source.close();
  else await new Promise((resolve) => setTimeout(resolve, 50));
}
console.log(`armed ${source.kind}`);
