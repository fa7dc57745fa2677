/** Ringwire: a messaging toolkit for Bun and Deno. */
export { RingwireError } from "./base/errors.ts";
export * from "./queue/mod.ts";
