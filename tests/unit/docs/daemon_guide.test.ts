/** docs/guide/daemon.md names exactly the keys that the daemon's configuration may hold. */
import {
  configKeys,
  notForQueues,
  notForWorkers,
} from "../../../cmd/queue-worker/daemon/config_tables.ts";
import { readDocument, tableRows } from "../../support/documents.ts";
import { describe, expect, test } from "../../support/testing.ts";

const guide = readDocument("docs/guide/daemon.md");

/** Text from a heading to the next one. */
function sectionOf(heading: string): string {
  const [, rest] = guide.split(new RegExp(`^#{2,3} ${heading}\\n`, "m"));
  if (rest === undefined) throw new Error(`there is no section ${heading}`);
  return rest.split(/^#{2,3} /m)[0] ?? "";
}

/** Names in code spans that follow `after`, to the end of the clause. */
function namesAfter(text: string, after: string): string[] {
  const clause = text.slice(text.indexOf(after) + after.length);
  const list = clause.slice(0, clause.search(/[.]|, by /));
  return [...list.matchAll(/`([a-z-]+)`/g)].map((match) => match[1] ?? "");
}

describe("docs/guide/daemon.md", () => {
  for (const [heading, keys] of Object.entries(configKeys))
    test(`${heading} - its table has exactly the keys of the schema`, () => {
      const named = tableRows(sectionOf(heading)).map(([cell = ""]) =>
        cell.replaceAll("`", ""),
      );
      expect(named.sort()).toEqual([...keys].sort());
    });

  test("says which flags of create and work are no keys", () => {
    const queue = namesAfter(sectionOf("A queue"), "(worker.md#create) but");
    expect(queue.sort()).toEqual([...notForQueues].sort());
    const text = sectionOf("A worker").replace(/:(?= `until-empty`)/, "");
    const worker = namesAfter(text, "long name, but");
    expect(worker.sort()).toEqual([...notForWorkers].sort());
  });
});
