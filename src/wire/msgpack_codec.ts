/** MessagePack by the npm package msgpackr, which is loaded only when it is asked for. */
import type { PayloadCodec } from "./codecs.ts";
import { WirePayloadError, WireUnsupportedError } from "./errors.ts";

/**
 * Loads the codec of `application/vnd.msgpack`. Plain MessagePack: maps for objects, no records, none of msgpackr's own
 * types but the standard timestamp. Whole numbers above 2^53 - 1 come back as bigint; of the byte
 * 0xc1, which MessagePack never uses, msgpackr makes an object instead of an error.
 *
 * @throws {WireUnsupportedError} when the package is not installed
 */
export async function loadMsgpackCodec(): Promise<PayloadCodec> {
  const { Packr } = await loadPackage();
  const packr = new Packr({
    useRecords: false,
    mapsAsObjects: true,
    moreTypes: false,
    // Or the memory of one message would be used again for the next one.
    copyBuffers: true,
  });
  return {
    contentType: "application/vnd.msgpack",
    encode(value) {
      try {
        // In memory that the packer does not use again; no Buffer, whose slice would be no copy.
        const { buffer, byteOffset, length } = packr.pack(value);
        return new Uint8Array(buffer, byteOffset, length);
      } catch (cause) {
        throw new WirePayloadError(
          `the value has no MessagePack: ${reasonOf(cause)}`,
          { cause },
        );
      }
    },
    decode(payload) {
      try {
        return packr.unpack(payload);
      } catch (cause) {
        throw new WirePayloadError(
          `a payload of ${payload.length} bytes is no MessagePack: ${reasonOf(cause)}`,
          { cause },
        );
      }
    },
  };
}

async function loadPackage(): Promise<typeof import("msgpackr/pack")> {
  try {
    // Without the native part of the package, which nothing here needs; literal, so that executables carry it.
    return await import("msgpackr/pack");
  } catch (cause) {
    throw new WireUnsupportedError(
      "content type application/vnd.msgpack: the npm package msgpackr is not installed",
      { cause },
    );
  }
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
