/** Ringwire: a messaging toolkit for Bun and Deno. */
export { RingwireError, type RingwireErrorInit } from "./base/errors.ts";
export { setWarningSink, type WarningSink } from "./base/warnings.ts";
export * from "./queue/mod.ts";
export * from "./ucx/mod.ts";
