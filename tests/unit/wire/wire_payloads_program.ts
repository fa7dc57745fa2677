/** Sends a value through every codec and compression, and says what came back. */
import process from "node:process";
import {
  availableCompressions,
  compressPayload,
  decompressPayload,
  loadMsgpackCodec,
  PayloadCodecs,
} from "../../../src/wire/mod.ts";

const codecs = new PayloadCodecs([await loadMsgpackCodec()]);
const value = { list: Array.from({ length: 5000 }, (_, index) => index % 9) };
const lines: string[] = [];
for (const contentType of ["application/json", "application/vnd.msgpack"]) {
  const codec = codecs.of(contentType);
  const payload = codec.encode(value);
  const same = JSON.stringify(codec.decode(payload)) === JSON.stringify(value);
  lines.push(`${contentType} ${same ? "same" : "other"}`);
}
const payload = codecs.of("application/json").encode(value);
for (const compression of availableCompressions()) {
  const packed = compressPayload(compression, payload);
  const back =
    packed === undefined
      ? undefined
      : decompressPayload(packed, { maxMessageBytes: payload.length });
  lines.push(`compression ${compression} ${back?.length === payload.length}`);
}
process.stdout.write(`${lines.join("\n")}\n`);
