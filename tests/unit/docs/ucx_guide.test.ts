/** docs/guide/ucx.md against the code. */
import { environmentDefaults } from "../../../ffi/ucp/environment.ts";
import { resolveManagerConfig } from "../../../src/ucx/async/manager_config.ts";
import { resolveWorkerConfig } from "../../../src/ucx/worker_config.ts";
import * as ucx from "../../../src/ucx/mod.ts";
import { readDocument, tableRows } from "../../support/documents.ts";
import { describe, expect, test } from "../../support/testing.ts";

const guide = readDocument("docs/guide/ucx.md");
const bare = (cell: string | undefined) => (cell ?? "").replaceAll("`", "");

/** Rows of the tables between two headings. */
const rowsUnder = (heading: string, next: string) =>
  tableRows(guide.slice(guide.indexOf(heading), guide.indexOf(next)));

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

  test("has a row with the default for each key of a manager beside those of a worker", () => {
    const documented = rowsUnder("### How it waits", "### Bursts")
      .filter(([, value]) => value?.startsWith("`"))
      .map(([key, value]) => `${bare(key)} = ${bare(value)}`);
    const { given, worker, progress, ...more } = resolveManagerConfig({});
    const actual = Object.entries({
      ...more,
      ...Object.fromEntries(
        Object.entries(progress).map(([key, value]) => [
          `progress.${key}`,
          value,
        ]),
      ),
    }).map(([key, value]) => `${key} = ${JSON.stringify(value)}`);
    expect(documented.sort()).toEqual(actual.sort());
  });

  test("has a row for each option of a server", () => {
    const options: Readonly<Record<keyof ucx.ServerOptions, true>> = {
      accept: true,
      maxConnections: true,
      maxHandlers: true,
      workers: true,
      handlerModule: true,
    };
    const documented = rowsUnder("### Servers", "### Time limits").map(
      ([key]) => bare(key),
    );
    expect(documented.sort()).toEqual(Object.keys(options).sort());
  });

  test("has a row for each key of UCX that is set, with its value", () => {
    const documented = rowsUnder("### UCX's own keys", "## Deployment").map(
      ([key]) => bare(key),
    );
    using worker = new ucx.UcxWorker();
    const chosen = worker
      .info()
      .settings.filter(({ from }) => from === "ringwire")
      .map(({ key, value }) =>
        key === "KEEPALIVE_INTERVAL" ? key : `${key}=${value}`,
      );
    const inEnvironment = Object.entries(environmentDefaults).map(
      ([key, value]) => `${key}=${value}`,
    );
    expect(documented.sort()).toEqual([...chosen, ...inEnvironment].sort());
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
