/** docs/protocol.md says what the module does. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import {
  CloseCode,
  FrameFlag,
  FrameKind,
  HeaderKey,
  isDataKind,
  mayConnectAgain,
  textMessageJsonSchema,
  parseTextMessage,
  wireLimitBounds,
  wireLimitsDefault,
} from "../../../src/wire/mod.ts";
import { flagsOfKind, nameOfKind } from "../../../src/wire/kinds.ts";
import { readDocument, root, tableRows } from "../../support/documents.ts";
import { describe, expect, test } from "../../support/testing.ts";
import { vectors } from "../../support/wire_vectors.ts";

const page = readDocument("docs/protocol.md");

/** Rows of the first table below a heading. */
function rowsOf(heading: string): string[][] {
  const [, rest] = page.split(new RegExp(`^#{2,3} ${heading}\\n`, "m"));
  if (rest === undefined) throw new Error(`there is no section ${heading}`);
  return tableRows(rest.split(/^#{2,3} /m)[0] ?? "");
}

describe("docs/protocol.md", () => {
  test("has every kind, and says which are data", () => {
    const rows = rowsOf("Kinds").map(([number, name, , data]) => [
      Number(number),
      name,
      data,
    ]);
    expect(rows).toEqual(
      Object.values(FrameKind).map((kind) => [
        kind,
        nameOfKind(kind),
        isDataKind(kind) ? "yes" : "no",
      ]),
    );
  });

  test("has every flag, and the kinds that may have it", () => {
    const rows = rowsOf("Flags").map(([bit, name, kinds]) => [
      Number(bit),
      name,
      kinds,
    ]);
    expect(rows).toEqual(
      Object.entries(FrameFlag).map(([name, bit]) => [
        bit,
        name.toLowerCase(),
        Object.values(FrameKind)
          .filter((kind) => ((flagsOfKind(kind) ?? 0) & bit) !== 0)
          .map(nameOfKind)
          .join(", "),
      ]),
    );
  });

  test("has every well-known header", () => {
    const keys = rowsOf("Headers").map(([key]) => Number(key));
    expect(keys).toEqual(Object.values(HeaderKey).sort((a, b) => a - b));
  });

  test("has every close code, and whether a client may come back", () => {
    const rows = rowsOf("Close codes").map(([code, name, , again]) => [
      Number(code),
      name,
      again,
    ]);
    expect(rows).toEqual(
      Object.entries(CloseCode).map(([name, code]) => [
        code,
        name,
        mayConnectAgain(code) ? "yes" : "no",
      ]),
    );
  });

  test("has every limit with default and bounds", () => {
    const rows = rowsOf("Limits").map(([name, ...numbers]) => [
      name?.replaceAll("`", ""),
      ...numbers.map(Number),
    ]);
    expect(rows).toEqual(
      Object.entries(wireLimitsDefault).map(([name, value]) => [
        name,
        value,
        ...wireLimitBounds[name as keyof typeof wireLimitBounds],
      ]),
    );
  });

  test("shows every vector", () => {
    const shown = page.replaceAll(/\s/g, "");
    for (const { hex } of [...vectors.frames, ...vectors.compressed])
      expect(shown).toContain(`text${hex}\`\`\``);
    expect(
      rowsOf("Refusals").map(([hex, name, code]) => [hex, name, Number(code)]),
    ).toEqual(
      vectors.refused.map(({ hex, name, closeCode }) => [
        `\`${hex}\``,
        name,
        closeCode,
      ]),
    );
  });

  test("the text messages that it shows are such messages", () => {
    const [, block = ""] = /^```json\n([\s\S]*?)^```/m.exec(page) ?? [];
    const types = block
      .trim()
      .split("\n")
      .map((line) => parseTextMessage(line).type);
    expect(types).toEqual(["request", "response", "error"]);
  });

  test("the published schema is that of the module", () => {
    const path = join(root, "docs/protocol/text-message.schema.json");
    expect(JSON.parse(readFileSync(path, "utf8"))).toEqual(
      textMessageJsonSchema(),
    );
  });
});
