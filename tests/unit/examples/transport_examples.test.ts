/** The examples of servers and clients, as processes of each runtime: each prints what it promises, and leaves nothing behind. */
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { readDocument } from "../../support/documents.ts";
import { cleanUpSandboxes, root, Sandbox } from "../../support/sandbox.ts";
import { describe, expect, test } from "../../support/testing.ts";
import { expectNothingLeft, start } from "./example_runs.ts";

const deno = Bun.which("deno") ?? join(root, ".tools/node_modules/.bin/deno");
const runtimes: Readonly<Record<string, readonly string[]>> = {
  Bun: [process.execPath],
  Deno: [deno, "run", "--quiet", "--no-check", "--allow-all"],
};

/** What each prints, with N for what it measured. */
const outputs: Readonly<Record<string, string>> = {
  "game_room.ts": `ann: 200 states, in order: true, the last: {"ann":100,"bob":100,"page":0}
bob: 200 states, in order: true, the last: {"ann":100,"bob":100,"page":0}
page: 200 states, in order: true, the last: {"ann":100,"bob":100,"page":0}
eve: 1 states, in order: true, the last: {"eve":5}
to fly: UnknownMove
the server: 4 players, 201 broadcasts, 0 dropped
the server ended with 0
`,
  "iot_collection.ts": `20 of 20 devices: everything has arrived
compressed to less than a third: true
the server: 20000 readings of 20 devices in 200 batches, 10 alarms
the server ended with 0
`,
  "trading_client.ts": `2000 orders were measured, 0 errors
there and back: p50 N µs, p99 N µs
filled: 25000
a bad order: BadOrder: the quantity is -1
a slow order: TimedOutError
given up on the other side too: yes
the server ended with 0
`,
  "cache_nodes.ts": `2000 of 2000 keys are on the second node
N operations/s
a deleted key on the first node: undefined
before: value 1
after the first node was killed: value 1
the second node ended with 0
`,
};

cleanUpSandboxes();

describe("examples of servers and clients", () => {
  test("are all listed in examples/README.md, and all run here", () => {
    const examples = readdirSync(join(root, "examples/transport")).filter(
      (name) => !name.endsWith("_program.ts"),
    );
    expect(examples.sort()).toEqual(Object.keys(outputs).sort());
    const listed = readDocument("examples/README.md");
    for (const name of examples)
      expect(listed).toContain(`](transport/${name})`);
  });

  for (const [runtime, command] of Object.entries(runtimes))
    for (const [file, expected] of Object.entries(outputs))
      test(
        `${file} - prints what it promises in ${runtime}`,
        async () => {
          await using sandbox = new Sandbox();
          const path = join(root, "examples/transport", file);
          const { code, out, err } = await start(sandbox, [...command, path])
            .ended;
          expect(err).toBe("");
          expect(
            out
              .replaceAll(/\d+ µs/g, "N µs")
              .replace(/\d+ operations/, "N operations"),
          ).toBe(expected);
          expect(code).toBe(0);
          expectNothingLeft(sandbox);
        },
        { timeoutMs: 60_000 },
      );
});
