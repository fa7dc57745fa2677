/** Every row of the queue's table in docs/requirement-names.md names something that exists. */
import { queueWorker } from "../../../cmd/queue-worker/verbs.ts";
import { longName } from "../../../cmd/command_line/options.ts";
import * as ringwire from "../../../src/mod.ts";
import type { QueueStatus } from "../../../src/mod.ts";
import { readDocument, tableRows } from "../../support/documents.ts";
import { queueFixture } from "../../support/queue_fixture.ts";
import { describe, expect, test } from "../../support/testing.ts";

const fixture = queueFixture();
const exported: Readonly<Record<string, unknown>> = { ...ringwire };

function classNamed(name: string): { prototype: object; name: string } {
  const value = exported[name];
  if (typeof value !== "function") throw new Error(`${name} is no class`);
  return value as unknown as { prototype: object; name: string };
}

function splitMember(text: string): [owner: string, member: string] {
  const [owner = "", member = ""] = text.split(".");
  return [owner, member];
}

/** How to see that a name of some kind is there. */
const checks: Readonly<Record<string, (name: string) => unknown>> = {
  class: (name) => classNamed(name.replace(/^new /, "")),
  error: (name) => {
    const type = classNamed(name);
    expect(type.prototype).toBeInstanceOf(ringwire.SharedMemoryError);
  },
  static: (name) => {
    const [owner, member] = splitMember(name);
    expect(typeof Reflect.get(classNamed(owner), member)).toBe("function");
  },
  method: (name) => {
    const [owner, member] = splitMember(name);
    expect(typeof Reflect.get(classNamed(owner).prototype, member)).toBe(
      "function",
    );
  },
  property: (name) => {
    const [, member] = splitMember(name);
    const queue = fixture.create();
    queue.send("a body");
    expect(Reflect.get(queue.tryReceive() ?? {}, member)).toBeDefined();
  },
  option: (name) => {
    const queue = fixture.create({ [name]: 128 });
    expect(Reflect.get(queue.info, name)).toBe(128);
  },
  wait: async (name) => {
    const message = await fixture.create().receive({ [name]: 1 });
    expect(message).toBeNull();
  },
  status: (name) => {
    const [, member] = splitMember(name);
    const status: QueueStatus = fixture.create().status();
    expect(typeof Reflect.get(status, member)).toBe("number");
  },
  // The import above does not compile without it.
  type: (name) => expect(name).toBe("QueueStatus"),
  verb: (name) => {
    const verb = name.replace("ringwire-queue-worker ", "");
    expect(queueWorker.verbs.map((entry) => entry.name)).toContain(verb);
  },
  flag: async (name) => {
    const [, verb, flag] = name.split(" ");
    const entry = queueWorker.verbs.find((one) => one.name === verb);
    if (entry === undefined) throw new Error(`there is no verb ${verb}`);
    const { options } = await entry.load();
    const flags = Object.values(options).map((one) => `--${longName(one)}`);
    expect(flags).toContain(flag);
  },
};

describe("docs/requirement-names.md, the queue", () => {
  const document = readDocument("docs/requirement-names.md");
  const rows = tableRows(document.slice(0, document.indexOf("## `UcxWorker`")));
  for (const [there = "", here = "", kind = ""] of rows) {
    test(`${there} is ${here}`, async () => {
      const check = checks[kind];
      if (check === undefined) throw new Error(`kind ${kind} is unknown`);
      await check(here.replaceAll("`", ""));
    });
  }

  test("has a row for every name of the requirement", () => {
    const text = rows.flat().join("\n");
    for (const name of [
      "create",
      "connect",
      "send",
      "try_receive",
      "receive",
      "receive_async_with_timeout",
      "status",
      "max_messages",
      "max_message_size",
      "timeout",
      "message_count",
      "CreationFailed",
      "AccessFailed",
      "LockFailed",
      "QueueFull",
      "QueueEmpty",
      "SerializationFailed",
      "entry",
      "worker",
    ])
      expect(text).toContain(name);
  });
});
