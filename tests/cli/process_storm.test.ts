import { expectEachOnce } from "../support/process_storm.ts";
import { cleanUpSandboxes, Sandbox } from "../support/sandbox.ts";
import { test } from "../support/testing.ts";

cleanUpSandboxes();

// A sample; `make torture` starts ten thousand.
test(
  "hundreds of short-lived push and pop processes, many at a time, pass each message on once and leave nothing behind",
  async () => {
    await using sandbox = new Sandbox();
    await expectEachOnce(sandbox, { pairs: 100, atATime: 8 });
  },
  { timeoutMs: 120_000 },
);
