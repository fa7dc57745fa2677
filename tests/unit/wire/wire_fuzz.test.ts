/** Whatever comes: the same messages, or a typed error, and memory within the limits. A failure names its seed. */
import {
  type Compression,
  compressPayload,
  decodeHeaders,
  decompressPayload,
  encodeHeaders,
  loadMsgpackCodec,
  parseTextMessage,
  WireError,
  WirePayloadError,
  wireLimits,
} from "../../../src/wire/mod.ts";
import { frameBounds } from "../../../src/wire/frame_reader.ts";
import { patternBytes } from "../../support/byte_pattern.ts";
import { SeededRandom } from "../../support/seeded_random.ts";
import { describe, expect, test } from "../../support/testing.ts";
import { joinBytes } from "../../support/wire_frames.ts";
import {
  feed,
  mutate,
  randomStream,
  WholeReceiver,
} from "../../support/wire_streams.ts";
import { readBody, vectors, writeBody } from "../../support/wire_vectors.ts";

const limits = wireLimits({
  maxMessageBytes: 16_384,
  maxFragmentBytes: 1024,
  maxHeadersBytes: 1024,
  maxControlBytes: 4096,
  maxReassemblyBytes: 65_536,
  maxReassemblyMessages: 10,
});
const { maxFrameBytes } = frameBounds(limits);
const timeoutMs = 60_000;

/** Runs a property with many seeds; what it throws names the seed. */
function forSeeds(
  count: number,
  property: (random: SeededRandom) => void,
): void {
  for (let seed = 1; seed <= count; seed++) {
    try {
      property(new SeededRandom(seed * 7919));
    } catch (cause) {
      throw new Error(
        `seed ${seed}: ${cause instanceof Error ? cause.message : String(cause)}`,
        { cause },
      );
    }
  }
}

/** Whether something was refused, by a typed error; anything else comes out. */
function isRefused(body: () => void): boolean {
  try {
    body();
    return false;
  } catch (error) {
    if (error instanceof WireError) return true;
    throw error;
  }
}

/** What a stream comes to: lines, and the code of the error that ended it. */
function outcome(push: (receiver: WholeReceiver) => void): string[] {
  const receiver = new WholeReceiver(limits);
  try {
    push(receiver);
    return receiver.lines;
  } catch (error) {
    if (!(error instanceof WireError)) throw error;
    return [...receiver.lines, `${error.code} ${error.closeCode}`];
  }
}

describe("the wire, by chance", () => {
  test(
    "a stream says the same however it is cut",
    () => {
      let lines = 0;
      forSeeds(300, (random) => {
        const stream = randomStream(random, limits);
        const whole = outcome(({ decoder }) => {
          decoder.push(stream);
          decoder.end();
        });
        const pieces = outcome(({ decoder }) => {
          feed(random, decoder, stream);
          decoder.end();
        });
        expect(pieces).toEqual(whole);
        expect(whole.join("\n")).not.toContain('"Wire');
        lines += whole.length;
      });
      expect(lines).toBeGreaterThan(1000);
    },
    { timeoutMs },
  );

  test(
    "a broken stream gives typed errors, the same however it is cut, in bounded memory",
    () => {
      let refused = 0;
      let taken = 0;
      forSeeds(3000, (random) => {
        const stream = mutate(random, randomStream(random, limits));
        const whole = outcome(({ decoder }) => decoder.push(stream));
        const pieces = outcome((receiver) =>
          feed(random, receiver.decoder, stream, () => {
            expect(receiver.decoder.heldBytes).toBeLessThanOrEqual(
              maxFrameBytes,
            );
            expect(receiver.reassembler.heldBytes).toBeLessThanOrEqual(
              limits.maxReassemblyBytes,
            );
            expect(receiver.reassembler.declaredBytes).toBeLessThanOrEqual(
              limits.maxReassemblyBytes,
            );
            expect(receiver.reassembler.messages).toBeLessThanOrEqual(
              limits.maxReassemblyMessages,
            );
          }),
        );
        // An error in the header of a frame that has not come as a whole is seen by both.
        expect(pieces).toEqual(whole);
        if (whole.at(-1)?.startsWith("Wire") === true) refused += 1;
        else taken += 1;
      });
      expect(refused).toBeGreaterThan(500);
      expect(taken).toBeGreaterThan(100);
    },
    { timeoutMs },
  );

  test("noise is refused, or waits for more", () => {
    forSeeds(3000, (random) => {
      const noise = Uint8Array.from({ length: random.below(300) }, () =>
        random.below(256),
      );
      // Some of it behind the beginning of a right header.
      const start = random.oneIn(2)
        ? Uint8Array.of(
            0,
            0,
            random.below(2),
            random.below(256),
            1,
            random.below(13),
            random.below(16),
            random.below(3),
          )
        : new Uint8Array(0);
      outcome((receiver) => {
        receiver.decoder.push(joinBytes(start, noise));
        expect(receiver.decoder.heldBytes).toBeLessThanOrEqual(maxFrameBytes);
      });
    });
  });

  test("bodies and headers, broken", () => {
    let refused = 0;
    forSeeds(4000, (random) => {
      const { kind, body, headers } =
        vectors.frames[random.below(vectors.frames.length)] ?? {};
      if (kind !== undefined && body !== undefined) {
        const mutant = mutate(random, writeBody(kind, body));
        if (isRefused(() => void readBody(kind, mutant))) refused += 1;
      }
      if (headers !== undefined) {
        const mutant = mutate(random, encodeHeaders(headers));
        if (isRefused(() => void decodeHeaders(mutant, limits))) refused += 1;
      }
    });
    expect(refused).toBeGreaterThan(500);
  });

  test("compressed payloads, broken, never become longer than they declare", () => {
    let refused = 0;
    forSeeds(1500, (random) => {
      const payload = joinBytes(
        new Uint8Array(2000),
        patternBytes(random.below(2000)),
      );
      const whole = compressPayload(
        (1 + random.below(2)) as Compression,
        payload,
      );
      if (whole === undefined) throw new Error("was not compressed");
      const mutant = mutate(random, whole);
      if (
        isRefused(() => {
          const back = decompressPayload(mutant, limits);
          expect(back.length).toBeLessThanOrEqual(limits.maxMessageBytes);
        })
      )
        refused += 1;
    });
    expect(refused).toBeGreaterThan(500);
  });

  test("text messages, broken", () => {
    const texts = [
      '{"type":"request","id":5,"priority":"high","tag":"7","subject":"s","headers":{"a":"b"},"data":{"n":[1,null]}}',
      '{"type":"error","id":4,"error":{"code":"X","retryable":true}}',
      '{"type":"message","base64":"AP8="}',
    ];
    let refused = 0;
    forSeeds(3000, (random) => {
      const text = texts[random.below(texts.length)] ?? "";
      const mutant = mutate(random, new TextEncoder().encode(text));
      if (
        isRefused(() => void parseTextMessage(new TextDecoder().decode(mutant)))
      )
        refused += 1;
    });
    expect(refused).toBeGreaterThan(500);
  });

  test("MessagePack, broken", async () => {
    const codec = await loadMsgpackCodec();
    const whole = codec.encode({
      a: [1, "two", 3.5, null, true],
      b: { c: new Uint8Array(9), d: -1 },
    });
    let refused = 0;
    forSeeds(3000, (random) => {
      try {
        codec.decode(mutate(random, whole));
      } catch (error) {
        if (!(error instanceof WirePayloadError)) throw error;
        refused += 1;
      }
    });
    expect(refused).toBeGreaterThan(500);
  });
});
