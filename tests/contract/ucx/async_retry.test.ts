import {
  sendWithRetry,
  UcxConnectionResetError,
  UcxLimitError,
  UcxNotConnectedError,
  UcxTimeoutError,
} from "../../../src/ucx/mod.ts";
import { retryDelayMs } from "../../../src/ucx/async/retry.ts";
import { asyncUcxFixture, untilTrue } from "../../support/async_ucx_fixture.ts";
import { afterEach, describe, expect, test } from "../../support/testing.ts";

const ucx = asyncUcxFixture();

afterEach(() => ucx.closeAll());

/** A client whose first sends fail. */
function failing(errors: readonly Error[]): {
  calls: number;
  sendMessage(): Promise<void>;
} {
  const client = {
    calls: 0,
    sendMessage(): Promise<void> {
      const error = errors[client.calls++];
      return error === undefined ? Promise.resolve() : Promise.reject(error);
    },
  };
  return client;
}

const reset = new UcxConnectionResetError("lost");
const soon = { baseDelayMs: 1 };

describe("sending with retries", () => {
  test("tries again until it succeeds, and says how often", async () => {
    const client = failing([reset, reset]);
    expect(await sendWithRetry(client, 1, "x", soon)).toBe(2);
    expect(client.calls).toBe(3);
  });

  test("gives up after so many retries, with the last error", async () => {
    const client = failing([reset, reset, reset, reset]);
    await expect(
      sendWithRetry(client, 1, "x", { ...soon, maxRetries: 2 }),
    ).rejects.toThrow(UcxConnectionResetError);
    expect(client.calls).toBe(3);
  });

  test("what cannot go away is not tried again", async () => {
    const client = failing([new UcxLimitError("too long")]);
    await expect(sendWithRetry(client, 1, "x", soon)).rejects.toThrow(
      UcxLimitError,
    );
    expect(client.calls).toBe(1);
    const chosen = failing([new UcxLimitError("too long")]);
    await sendWithRetry(chosen, 1, "x", { ...soon, isRetryable: () => true });
    expect(chosen.calls).toBe(2);
  });

  test("a connection that its peer has closed is worth a try to those who can connect again", async () => {
    const closed = new UcxNotConnectedError("the peer has closed it");
    await expect(
      sendWithRetry(failing([closed]), 1, "x", soon),
    ).rejects.toThrow(UcxNotConnectedError);
    let connected = 0;
    const retries = await sendWithRetry(failing([closed, reset]), 1, "x", {
      ...soon,
      beforeRetry: () => {
        connected++;
      },
    });
    expect([retries, connected]).toEqual([2, 2]);
  });

  test("ends with its deadline, pauses included, and tells the cause", async () => {
    const client = failing(Array.from({ length: 1000 }, () => reset));
    let failure: unknown;
    try {
      await sendWithRetry(client, 1, "x", {
        baseDelayMs: 20,
        maxRetries: 1000,
        timeoutMs: 100,
        random: () => 1,
      });
    } catch (error) {
      failure = error;
    }
    expect(failure).toBeInstanceOf(UcxTimeoutError);
    expect((failure as UcxTimeoutError).cause).toBe(reset);
    expect(client.calls).toBeLessThan(10);
  });

  test("an abort ends the pause at once", async () => {
    const controller = new AbortController();
    const client = failing([reset]);
    const outcome = sendWithRetry(client, 1, "x", {
      baseDelayMs: 1_000_000,
      maxDelayMs: 1_000_000,
      random: () => 1,
      signal: controller.signal,
    }).catch((error: Error) => error.message);
    await untilTrue(() => client.calls === 1, "the first try");
    controller.abort(new Error("enough"));
    expect(await outcome).toBe("enough");
  });

  test("pauses double up to a limit, with full jitter", () => {
    const ends = { baseDelayMs: 100, maxDelayMs: 500 };
    const longest = [1, 2, 3, 4, 30].map((attempt) =>
      retryDelayMs(attempt, { ...ends, random: () => 1 }),
    );
    expect(longest).toEqual([100, 200, 400, 500, 500]);
    expect(retryDelayMs(3, { ...ends, random: () => 0 })).toBe(0);
    expect(retryDelayMs(3, { ...ends, random: () => 0.5 })).toBe(200);
  });

  test("refuses numbers that make no sense", async () => {
    const client = failing([]);
    await expect(
      sendWithRetry(client, 1, "x", { maxRetries: -1 }),
    ).rejects.toThrow(RangeError);
    await expect(
      sendWithRetry(client, 1, "x", { baseDelayMs: Number.NaN }),
    ).rejects.toThrow(RangeError);
    expect(client.calls).toBe(0);
  });

  test(
    "connects again in between, and so outlives a connection that was closed",
    async () => {
      const manager = ucx.manager();
      const seen: string[] = [];
      const server = await ucx.serve(manager, async (peer) => {
        for await (const message of peer) seen.push(message.text());
      });
      const client = await ucx.connect(manager, server);
      await Promise.all(server.clients().map((peer) => peer.close()));
      await client.closed;
      const retries = await sendWithRetry(client, 1, "after all", {
        ...soon,
        isRetryable: (error) => error instanceof UcxNotConnectedError,
        beforeRetry: () => client.connect(server.address),
      });
      expect(retries).toBe(1);
      await untilTrue(() => seen.length === 1, "it arrives");
      expect(seen).toEqual(["after all"]);
    },
    { timeoutMs: 30_000 },
  );
});
