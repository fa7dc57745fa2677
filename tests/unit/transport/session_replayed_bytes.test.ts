import { FrameRun } from "../../../src/transport/session/frame_run.ts";
import { ReplayBuffer } from "../../../src/transport/session/replay_buffer.ts";
import {
  FrameKind,
  FramePriority,
  frameToBytes,
} from "../../../src/wire/mod.ts";
import { patternBytes } from "../../support/byte_pattern.ts";
import { join, sessionPair } from "../../support/session_pairs.ts";
import { describe, expect, test } from "../../support/testing.ts";
import { until } from "../../support/waiting.ts";

const messages = 700;
const requests = 40;

/** A body that says which one it is, each of another length. */
function bodyOf(index: number): Uint8Array {
  const body = patternBytes(4 + ((index * 37) % 400));
  new DataView(body.buffer, body.byteOffset).setUint32(0, index);
  return body;
}

function framesOf(ids: readonly number[]): Uint8Array {
  const frames = ids.map((id) =>
    frameToBytes({
      kind: FrameKind.Message,
      priority: FramePriority.High,
      id,
      payload: bodyOf(id),
    }),
  );
  const bytes = new Uint8Array(
    frames.reduce((sum, { length }) => sum + length, 0),
  );
  let at = 0;
  for (const frame of frames) {
    bytes.set(frame, at);
    at += frame.length;
  }
  return bytes;
}

function runOf(ids: readonly number[], sequence: number): FrameRun {
  const bytes = framesOf(ids);
  return new FrameRun(bytes, 0, bytes.length, sequence, ids.length, 0);
}

describe("session - bytes that are sent again", () => {
  test("messages and requests of bytes arrive once, whole and in order, wherever the connection breaks", async () => {
    const probe = await sessionPair();
    const helloBytes = probe.clientEnd.bytesSent;
    probe.client.session.abort();
    for (const lostAfter of [30, 5000, 40_001, 90_123, 160_000]) {
      const deadlines: number[] = [];
      const pair = await sessionPair({
        client: { resumes: true, requestTimeoutMs: 60_000 },
        server: {
          resumeToken: Uint8Array.of(4, 5, 6),
          // So little that most messages have to wait in batches.
          creditMessages: 64,
          listeners: {
            onRequest: (request) => {
              deadlines.push(request.deadlineMs);
              return request.payload;
            },
            onMessage: (message) => {
              pair.server.messages.push(message);
            },
          },
        },
      });
      pair.clientEnd.faults.loseAfterBytes = helloBytes + lostAfter;
      const answers: Promise<Uint8Array>[] = [];
      for (let index = 0; index < messages; index++) {
        if (index % 16 === 0 && answers.length < requests)
          answers.push(
            pair.client.session
              .request(bodyOf(index))
              .then(({ payload }) => payload),
          );
        expect(pair.client.session.trySend(bodyOf(index))).toBe(true);
        if (index % 100 === 0) await Promise.resolve();
      }
      await until("away", () => pair.client.session.state === "away");
      await until("away too", () => pair.server.session.state === "away");
      join(pair.client.session, pair.server.session);
      const answered = await Promise.all(answers);
      await until("all", () => pair.server.messages.length >= messages);
      expect(answered.map((each) => [...each])).toEqual(
        answered.map((_, at) => [...bodyOf(at * 16)]),
      );
      expect(pair.server.messages.map(({ payload }) => [...payload])).toEqual(
        Array.from({ length: messages }, (_, at) => [...bodyOf(at)]),
      );
      expect(deadlines.length).toBe(requests);
      expect(deadlines.every(Number.isFinite)).toBe(true);
      pair.client.session.abort();
      pair.server.session.abort();
    }
  });

  test("what was sent at once and what had waited for credit in the same turn keep their order", async () => {
    const pair = await sessionPair({
      client: {
        resumes: true,
        listeners: {
          onMessage: () => {
            const { session } = pair.client;
            // One message of credit is left: the rest waits until the credit behind this message is read.
            for (const index of [2, 3, 4]) session.trySend(bodyOf(index));
            pair.clientEnd.faults.loseAfterBytes = pair.clientEnd.bytesSent + 1;
          },
        },
      },
      server: {
        resumeToken: Uint8Array.of(7),
        creditMessages: 4,
        listeners: {
          onMessage: (message) => {
            pair.server.messages.push(message);
            if (pair.server.messages.length === 3)
              pair.server.session.trySend(bodyOf(9));
          },
        },
      },
    });
    for (const index of [0, 0, 1]) pair.client.session.trySend(bodyOf(index));
    await until("away", () => pair.client.session.state === "away");
    await until("away too", () => pair.server.session.state === "away");
    expect(pair.server.messages.length).toBe(3);
    join(pair.client.session, pair.server.session);
    await until("all", () => pair.server.messages.length === 6);
    expect(pair.server.messages.map(({ payload }) => [...payload])).toEqual(
      [0, 0, 1, 2, 3, 4].map((index) => [...bodyOf(index)]),
    );
    pair.client.session.abort();
    pair.server.session.abort();
  });

  test("a run gives its messages from any sequence on, with all that their frames said", () => {
    const run = runOf([11, 12, 13], 5);
    expect(run.lastSequence).toBe(7);
    const [first, second, ...more] = [...run.from(6)];
    expect(more).toEqual([]);
    expect([first?.sequence, first?.id, first?.kind, first?.priority]).toEqual([
      6,
      12,
      FrameKind.Message,
      FramePriority.High,
    ]);
    expect(first?.payload).toEqual(bodyOf(12));
    expect([second?.sequence, second?.id]).toEqual([7, 13]);
  });

  test("what was accepted of a run is let go of, message by message", () => {
    const replay = new ReplayBuffer({
      bytes: 100_000,
      messages: 100,
      ageMs: 1000,
    });
    replay.addRun(runOf([1, 2, 3], 1));
    replay.addRun(runOf([4, 5], 4));
    replay.accepted(2);
    expect([replay.size, replay.oldest]).toEqual([3, 3]);
    expect(replay.bytes).toBe(
      [3, 4, 5].reduce((sum, id) => sum + bodyOf(id).length + 64, 0),
    );
    expect(replay.from(0).map(({ id }) => id)).toEqual([3, 4, 5]);
    replay.accepted(5);
    expect([replay.size, replay.bytes, replay.oldest]).toEqual([0, 0, 6]);
  });

  test("a run that is too long loses its oldest messages only", () => {
    const replay = new ReplayBuffer({
      bytes: 100_000,
      messages: 4,
      ageMs: 1000,
    });
    replay.addRun(runOf([1, 2, 3], 1));
    replay.addRun(runOf([4, 5, 6], 4));
    expect(replay.from(0).map(({ sequence }) => sequence)).toEqual([
      3, 4, 5, 6,
    ]);
    expect(replay.oldest).toBe(3);
  });
});
