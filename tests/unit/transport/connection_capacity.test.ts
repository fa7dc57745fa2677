import {
  checkMaxConnections,
  connectionCapacity,
  ConnectionLimitError,
} from "../../../src/transport/server/capacity.ts";
import { describe, expect, test } from "../../support/testing.ts";

function refusal(work: () => unknown): ConnectionLimitError {
  try {
    work();
  } catch (error) {
    if (error instanceof ConnectionLimitError) return error;
    throw error;
  }
  throw new Error("it was not refused");
}

describe("what a process can hold", () => {
  test("is its descriptors less a reserve", () => {
    expect(connectionCapacity(20_000)).toBe(19_744);
    expect(connectionCapacity(400)).toBe(300);
    expect(connectionCapacity(1)).toBe(1);
    expect(connectionCapacity(Number.POSITIVE_INFINITY)).toBe(
      Number.POSITIVE_INFINITY,
    );
  });

  test("is never more by default", () => {
    expect(checkMaxConnections(undefined, 10_000, 20_000)).toBe(10_000);
    expect(checkMaxConnections(undefined, 10_000, 1024)).toBe(768);
  });

  test("is refused beyond, with the number of processes that could share it", () => {
    expect(checkMaxConnections(19_744, 10_000, 20_000)).toBe(19_744);
    const error = refusal(() => checkMaxConnections(100_000, 10_000, 20_000));
    expect(error.code).toBe("ConnectionLimit");
    expect(error.given).toBe(100_000);
    expect(error.allowed).toBe(19_744);
    expect(error.processes).toBe(6);
    expect(error.message).toContain("processes: 6");
    expect(error.message).toContain("20000 descriptors");
  });
});
