import { failureOf } from "../../../cmd/client/failure.ts";
import {
  ProtocolViolationError,
  UpgradeRefusedError,
} from "../../../src/transport/errors.ts";
import { RemoteError } from "../../../src/transport/session_errors.ts";
import { describe, expect, test } from "../../support/testing.ts";

describe("failures of the client's verbs", () => {
  const cases: readonly (readonly [string, unknown, number])[] = [
    ["no HTTP", new UpgradeRefusedError("no HTTP", undefined), 6],
    ["a page", new UpgradeRefusedError("answered 200", 200), 6],
    ["broken frames", new ProtocolViolationError("a reserved bit"), 6],
    ["a full disk there", new RemoteError("NoSpace", "no space left"), 8],
    ["a time limit there", new RemoteError("TimedOut", "no reply"), 124],
    ["any other error there", new RemoteError("Broken", "it broke"), 1],
  ];
  for (const [name, error, code] of cases)
    test(`${name} ends with ${code}`, () => {
      expect(failureOf(error).exitCode).toBe(code);
    });
});
