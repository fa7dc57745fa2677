import { handleAt, openLibrary } from "../../../ffi/host.ts";
import { openUcp } from "../../../ffi/ucp/library.ts";
import { textAt } from "../../../ffi/ucp/native_memory.ts";
import {
  describeStatus,
  findStatus,
  isRequest,
  statusOf,
  UCS,
  ucsStatuses,
} from "../../../ffi/ucp/status.ts";
import { describe, expect, test } from "../../support/testing.ts";

/** Ends of ranges; they are never returned, and UCX has no text for them. */
const limits = /^UCS_ERR_(?:FIRST|LAST)/;

describe("ucs_status_t", () => {
  test("every text is the one that UCX has, and every text of UCX is known", () => {
    openUcp();
    const { ucs_status_string: textOf } = openLibrary("libucs.so.0", {
      // const char *ucs_status_string(ucs_status_t status);
      ucs_status_string: { parameters: ["i8"], result: "handle" },
    });
    for (let code = 1; code >= -100; code--) {
      const text = textAt(textOf(code));
      const known = findStatus(code);
      if (text.startsWith("Unknown error")) {
        expect(known === undefined || limits.test(known.name)).toBe(true);
      } else {
        expect([code, known?.text]).toEqual([code, text]);
      }
    }
  });

  test("names and numbers belong together", () => {
    expect(UCS.UCS_ERR_CANCELED).toBe(-16);
    for (const { name, code } of ucsStatuses) expect(UCS[name]).toBe(code);
    expect(describeStatus(-25)).toBe(
      "Connection reset by remote peer (UCS_ERR_CONNECTION_RESET)",
    );
    expect(describeStatus(-33)).toBe("Unknown error -33");
  });
});

describe("ucs_status_ptr_t", () => {
  test("is nothing, an error or a request", () => {
    const kinds = [0, -100, -3, -1, 2 ** 46].map((value) => {
      const result = handleAt(value);
      return [isRequest(result), statusOf(result)];
    });
    expect(kinds).toEqual([
      [false, 0],
      [false, -100],
      [false, -3],
      [false, -1],
      [true, UCS.UCS_INPROGRESS],
    ]);
  });
});
