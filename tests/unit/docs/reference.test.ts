/** Tables of the documents against what the code says: options, status fields, error codes with their exit codes. */
import { exitCodeOf } from "../../../cmd/command_line/exit_codes.ts";
import * as ringwire from "../../../src/mod.ts";
import { readDocument, tableRows } from "../../support/documents.ts";
import { queueFixture } from "../../support/queue_fixture.ts";
import { describe, expect, test } from "../../support/testing.ts";

const fixture = queueFixture();

/** Rows by the code span in their first cell. */
function rowsByName(path: string): Map<string, string[]> {
  const rows = tableRows(readDocument(path)).map(
    (cells) => [(cells[0] ?? "").replaceAll("`", ""), cells] as const,
  );
  return new Map(rows);
}

function snakeCase(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

describe("docs/guide/queue.md", () => {
  test("gives the defaults that a queue really has", () => {
    const rows = rowsByName("docs/guide/queue.md");
    using queue = ringwire.CrossProcessQueue.create(fixture.name());
    const info: Readonly<Record<string, unknown>> = { ...queue.info };
    for (const name of [
      "maxMessages",
      "maxMessageSize",
      "maxHeadersSize",
      "maxParticipants",
      "maxDead",
      "maxDeliver",
      "leaseMs",
    ])
      expect(`${name} ${rows.get(name)?.[1]}`).toBe(`${name} ${info[name]}`);
  });

  test("gives the bounds that are really checked", () => {
    const rows = rowsByName("docs/guide/queue.md");
    for (const [name, cells] of rows) {
      const [, min, max] = /^(\d+) to (\d+)/.exec(cells[2] ?? "") ?? [];
      if (min === undefined || max === undefined) continue;
      for (const value of [Number(min) - 1, Number(max) + 1])
        expect(() =>
          ringwire.CrossProcessQueue.create(fixture.name(), { [name]: value }),
        ).toThrow(RangeError);
    }
  });
});

describe("docs/operations.md", () => {
  test("explains every field of status and every counter", () => {
    const text = readDocument("docs/operations.md");
    const {
      replies: _,
      counters,
      drops,
      ...status
    } = fixture.create().status();
    // Known from the queue's own making, not from its state.
    const { maxMessages: __, ...fields } = status;
    for (const name of Object.keys({ ...fields, ...counters }))
      expect(text).toContain(`\`${snakeCase(name)}\``);
    for (const name of Object.keys(drops))
      expect(text).toContain(`\`drops.${name}\``);
  });
});

describe("docs/troubleshooting.md", () => {
  const rows = rowsByName("docs/troubleshooting.md");
  const roots: readonly unknown[] = [
    ringwire.RingwireError,
    ringwire.SharedMemoryError,
  ];
  for (const type of Object.values(ringwire)) {
    if (typeof type !== "function" || roots.includes(type)) continue;
    if (!(type.prototype instanceof ringwire.SharedMemoryError)) continue;
    test(`${type.name} - has a row with its exit code`, () => {
      const error = Reflect.construct(type, ["a test"]) as {
        readonly code: string;
      };
      const exits = (rows.get(error.code)?.[1] ?? "").split(",").map(Number);
      expect(exits).toContain(exitCodeOf(error));
    });
  }

  for (const type of Object.values(ringwire)) {
    if (typeof type !== "function") continue;
    if (!(type.prototype instanceof ringwire.UcxError)) continue;
    test(`${type.name} - has a row that says whether it is retryable`, () => {
      const error = Reflect.construct(type, ["a test"]) as ringwire.UcxError;
      expect(`${type.name}: ${rows.get(error.code)?.[1]}`).toBe(
        `${type.name}: ${error.retryable ? "yes" : "no"}`,
      );
    });
  }
});
