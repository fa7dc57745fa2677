/** What docs/guide/queue.md says of journals after a reboot. A copy of the file under another boot id is what a reboot leaves. */
import {
  copyFileSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CrossProcessQueue } from "../../../src/mod.ts";
import {
  afterAll,
  beforeAll,
  describe,
  expect,
  test,
} from "../../support/testing.ts";

let directory = "";

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), "ringwire-journals-"));
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

/** The copy as the first process of another boot finds it. */
function copyAsAfterReboot(path: string): string {
  const copy = `${path}.copy`;
  copyFileSync(path, copy);
  const text = readFileSync("/proc/sys/kernel/random/boot_id", "latin1");
  const bootId = Buffer.from(text.trim().replaceAll("-", ""), "hex");
  const bytes = readFileSync(copy);
  const at = bytes.indexOf(bootId);
  if (at < 0) throw new Error("the journal does not hold the boot id");
  bytes.fill(0xa5, at, at + bootId.byteLength);
  writeFileSync(copy, bytes);
  return copy;
}

function createJournal(name: string) {
  return CrossProcessQueue.create(`file:${join(directory, name)}`, {
    maxMessages: 32,
    maxMessageSize: 2000,
  });
}

function sendOneOfEachState(queue: CrossProcessQueue): void {
  queue.send("leased");
  queue.send("buried");
  queue.send("acknowledged");
  queue.tryReserve();
  queue.tryReserve()?.bury("the reason");
  queue.tryReserve()?.ack();
  queue.send("waiting", { headers: { kind: "text" } });
  queue.send("delayed", { delayMs: 30 });
  queue.send("x".repeat(1900));
}

describe("a journal after a reboot", () => {
  test("keeps what waited, was leased, delayed or dead", async () => {
    using before = createJournal("states");
    sendOneOfEachState(before);
    const copy = copyAsAfterReboot(before.info.path);
    using after = CrossProcessQueue.connect(`file:${copy}`);

    // Not their order: one take in sixteen begins with the lowest priority.
    const seen = new Map<string, string>();
    for (let count = 0; count < 4; count++) {
      const job = await after.reserve({ timeoutMs: 2000 });
      const { redelivered, attempts, headers } = job ?? {};
      seen.set(
        job?.text() ?? "",
        `${attempts} ${redelivered} ${JSON.stringify(headers)}`,
      );
      job?.ack();
    }
    expect(seen.get("leased")).toBe("2 true {}");
    expect(seen.get("waiting")).toBe('1 false {"kind":"text"}');
    expect(seen.get("delayed")).toBe("1 false {}");
    expect(seen.get("x".repeat(1900))).toBe("1 false {}");
    expect(after.tryReceive()).toBeNull();
    const letters = [...after.deadLetters()];
    expect(letters.map(({ note }) => note)).toEqual(["the reason"]);
    expect(letters.map((letter) => letter.text())).toEqual(["buried"]);
  });

  test("drops a message whose bytes did not all reach the disk, and keeps the others", () => {
    using before = createJournal("torn");
    before.send("whole");
    before.send("torn to pieces");
    const copy = copyAsAfterReboot(before.info.path);
    const bytes = readFileSync(copy);
    bytes.fill(
      0,
      bytes.indexOf("torn to pieces"),
      bytes.indexOf("torn to pieces") + 4,
    );
    writeFileSync(copy, bytes);
    using after = CrossProcessQueue.connect(`file:${copy}`);
    expect(after.tryReceive()?.text()).toBe("whole");
    expect(after.tryReceive()).toBeNull();
  });

  test("goes on with its ids, and takes new messages", () => {
    using before = createJournal("ids");
    const last = before.send("old");
    const copy = copyAsAfterReboot(before.info.path);
    using after = CrossProcessQueue.connect(`file:${copy}`);
    expect(after.send("new")).toBeGreaterThan(last);
    expect(after.tryReceive()?.text()).toBe("old");
    expect(after.tryReceive()?.text()).toBe("new");
  });
});
