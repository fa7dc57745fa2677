/**
 * A peer in a process of its own. `listen ADDRESS MODE [CA CERT KEY]` prints its address and then what happens; `connect ADDRESS
 * BYTES [CA]` sends a pattern, compares what comes back with it, closes, and prints how that went.
 * Modes: `echo`, `silent` (reads and says nothing), `stuck` (does not read).
 */
import { closeSync, openSync } from "node:fs";
import type { Connection } from "../../../src/transport/adapter.ts";
import { createDefaultRegistry } from "../../../src/transport/protocols/builtin.ts";
import { patternBytes } from "../../support/byte_pattern.ts";
import { Recorder } from "../../support/transport_fixture.ts";
import { pause, until } from "../../support/waiting.ts";

const [verb = "", url = "", what = "", ca = "", cert = "", key = ""] =
  process.argv.slice(2);
const { adapter, address } = createDefaultRegistry().resolve(url);

/** Sends back what comes, and stops reading while that does not go out. */
function echo(connection: Connection) {
  let left: Uint8Array = new Uint8Array(0);
  const flush = () => {
    left = left.subarray(connection.write(left));
    if (left.length === 0) connection.resume();
    else connection.pause();
  };
  return {
    data(chunk: Uint8Array) {
      const joined = new Uint8Array(left.length + chunk.length);
      joined.set(left);
      joined.set(chunk, left.length);
      left = joined;
      flush();
    },
    drain: flush,
    closed: ({ kind }: { kind: string }) => console.log(`closed ${kind}`),
  };
}

if (verb === "listen") {
  const listener = await adapter.listen(
    address,
    cert === "" ? {} : { tls: { cert, key } },
    (connection) => {
      if (what === "echo") return echo(connection);
      if (what === "stuck") connection.pause();
      return {
        data() {},
        drain() {},
        closed: ({ kind }) => console.log(`closed ${kind}`),
      };
    },
  );
  console.log(listener.address);
  if (what === "descriptors") {
    // All but a few are taken, so that accepting fails, and then given back.
    const taken: number[] = [];
    try {
      for (;;) taken.push(openSync("/dev/null", "r"));
    } catch {
      console.log(`full ${taken.length > 0}`);
    }
    await until(
      "failed accepts",
      () => listener.statistics.acceptErrors > 0 || "Bun" in globalThis,
    );
    await pause(300);
    for (const descriptor of taken) closeSync(descriptor);
    await until("accepted", () => listener.statistics.accepted > 0);
    console.log("accepted");
  }
} else {
  const expected = patternBytes(Number(what));
  let client: Recorder | undefined;
  const connection = await adapter.connect(
    address,
    ca === "" ? {} : { tls: { ca } },
    (made) => {
      client = new Recorder(made);
      return client;
    },
  );
  const recorder = client as unknown as Recorder;
  await recorder.send(expected);
  await until("echoed", () => recorder.receivedBytes === expected.length);
  const same = Buffer.compare(recorder.bytes(), expected) === 0;
  const reason = await connection.close();
  console.log(`${same} ${reason.kind} ${reason.unsentBytes}`);
  process.exit(0);
}
