/** The protocol between clients and servers, as bytes: no sockets, no timers. docs/protocol.md describes it for other languages. */
export { CloseCode, mayConnectAgain } from "./close_codes.ts";
export * from "./errors.ts";
export {
  type Frame,
  frameHeaderBytes,
  frameIdMax,
  isFirstOfSeveral,
} from "./frame.ts";
export { FrameDecoder, type FrameHandler } from "./frame_decoder.ts";
export {
  encodeFrame,
  frameSizeBytes,
  frameToBytes,
  type OutgoingFrame,
  splitTag,
  writeFrameHeader,
  writePlainFrame,
} from "./frame_encoder.ts";
export {
  FrameFlag,
  FrameKind,
  FramePriority,
  isDataKind,
  nameOfKind,
} from "./kinds.ts";
export {
  protocolVersion,
  type WireLimits,
  wireLimitBounds,
  wireLimits,
  wireLimitsDefault,
} from "./limits.ts";
export { Compression } from "./compression_names.ts";
export {
  type Credit,
  creditBytes,
  decodeCredit,
  decodeFin,
  decodeGoodbye,
  encodeFin,
  encodeGoodbye,
  type Fin,
  type Goodbye,
  writeCredit,
} from "./control_bodies.ts";
export {
  decodeErrorBody,
  encodeErrorBody,
  type ErrorBody,
} from "./error_body.ts";
export {
  decodeHeaders,
  encodeHeaders,
  HeaderKey,
  type LoadReport,
  type MessageHeaders,
} from "./headers.ts";
export {
  decodeHello,
  encodeHello,
  firstSequence,
  type Hello,
  helloBytesMax,
  type HelloInit,
  negotiateCompression,
  negotiateVersion,
} from "./hello.ts";
export {
  jsonCodec,
  type PayloadCodec,
  PayloadCodecs,
  rawCodec,
  textCodec,
} from "./codecs.ts";
export {
  availableCompressions,
  type CompressOptions,
  compressPayload,
  type DecompressOptions,
  decompressPayload,
} from "./compression.ts";
export {
  type AssembledMessage,
  FragmentWriter,
  Reassembler,
} from "./fragments.ts";
export { loadMsgpackCodec } from "./msgpack_codec.ts";
export {
  type Envelope,
  type EnvelopeTextMessage,
  envelopeToText,
  isEnvelopeText,
  parseTextMessage,
  type TextMessage,
  textMessageJsonSchema,
  textMessageSchema,
  textToEnvelope,
} from "./text_message.ts";
