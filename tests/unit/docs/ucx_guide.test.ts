/** docs/guide/ucx.md against the code. */
import { resolveWorkerConfig } from "../../../src/ucx/worker_config.ts";
import * as ucx from "../../../src/ucx/mod.ts";
import { readDocument, tableRows } from "../../support/documents.ts";
import { describe, expect, test } from "../../support/testing.ts";

const guide = readDocument("docs/guide/ucx.md");
const bare = (cell: string | undefined) => (cell ?? "").replaceAll("`", "");

describe("docs/guide/ucx.md", () => {
  test("has a row with the default for each key of the configuration, and for no other", () => {
    const section = guide.slice(
      guide.indexOf("## Configuration"),
      guide.indexOf("### UCX's own keys"),
    );
    const documented = tableRows(section).map(
      ([key, value]) => `${bare(key)} = ${bare(value)}`,
    );
    const actual = Object.entries(resolveWorkerConfig()).map(
      ([key, value]) => `${key} = ${JSON.stringify(value) ?? "undefined"}`,
    );
    expect(documented.sort()).toEqual(actual.sort());
  });

  test("explains every error by its symptom", () => {
    const section = guide.slice(guide.indexOf("## Troubleshooting"));
    const explained = new Set(section.match(/Ucx\w+Error/g) ?? []);
    for (const name of explained) expect(Object.keys(ucx)).toContain(name);
    for (const name of [
      "UcxUnavailableError",
      "UcxUnreachableError",
      "UcxTimeoutError",
      "UcxIncompatibleError",
      "UcxUnexpectedOverflowError",
      "UcxLimitError",
      "UcxAddressInUseError",
    ])
      expect([...explained]).toContain(name);
  });
});
