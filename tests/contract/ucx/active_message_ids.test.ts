import { UcxWorker } from "../../../src/ucx/mod.ts";
import { describe, expect, test } from "../../support/testing.ts";
import { connectSelf, transports } from "../../support/ucx_self.ts";

describe("active messages of ids that nobody handles", () => {
  for (const raw of [false, true])
    test(
      `are dropped, and the worker lives on (raw ${raw})`,
      () => {
        using worker = new UcxWorker({
          ucx: transports.tcp,
          raw,
          enableActiveMessages: true,
          timeoutMs: 10_000,
        });
        const { to } = connectSelf(worker);
        const messages = worker.activeMessages;
        const header = new Uint8Array(9);
        // UCX would look the last ones up far behind its table.
        for (const id of [0, 5, 22, 1000, 65_534, 65_535])
          for (const reply of [false, true]) {
            messages.send(to, id, header, new Uint8Array(10), { reply });
            messages.send(to, id, header, new Uint8Array(20_000), { reply });
          }
        messages.send(to, 5, header, new Uint8Array(300_000));
        let handled = 0;
        messages.on(65_535, () => {
          handled++;
        });
        messages.send(to, 65_535, header, new Uint8Array(10));
        const endMs = performance.now() + 10_000;
        while (handled === 0 && performance.now() < endMs) worker.progress();
        expect(handled).toBe(1);
      },
      { timeoutMs: 30_000 },
    );
});
