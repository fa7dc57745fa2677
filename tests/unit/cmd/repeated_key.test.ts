import { findRepeatedKey } from "../../../cmd/queue-worker/daemon/repeated_key.ts";
import { describe, expect, test } from "../../support/testing.ts";

describe("findRepeatedKey", () => {
  test("finds a key that stands twice in one object, however it is written", () => {
    for (const [text, found] of [
      ['{"a":1,"a":2}', "a: given twice, allowed is once"],
      [
        '{"a":{"b":[1,{"c":{}}],"d":1,"b":2}}',
        "a.b: given twice, allowed is once",
      ],
      [
        '{"a":[{"b":1},{"b":1,"\\u0062":2}]}',
        "a.b: given twice, allowed is once",
      ],
      [
        '{"a":{"__proto__":1}}',
        "a.__proto__: given as a key, allowed is any other name",
      ],
    ] as const) {
      JSON.parse(text);
      expect(findRepeatedKey(text)).toBe(found);
    }
  });

  test("is not misled by values, other objects and what stands in texts", () => {
    for (const text of [
      '{"a":"a","b":{"a":1},"c":["a","a",{"a":1},{"a":2}]}',
      '{"a":"\\",\\"a\\":{","b":"}{[\\\\","c":"a"}',
      "[]",
      '"a"',
      ' { "a" : { } , "b" : [ ] , "c" : { "a" : null } } ',
    ]) {
      JSON.parse(text);
      expect(findRepeatedKey(text)).toBeUndefined();
    }
  });
});
