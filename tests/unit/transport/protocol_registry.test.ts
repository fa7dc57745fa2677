import type { ProtocolAdapter } from "../../../src/transport/adapter.ts";
import {
  InvalidAddressError,
  SchemeTakenError,
  UnknownSchemeError,
} from "../../../src/transport/errors.ts";
import { ProtocolRegistry } from "../../../src/transport/registry.ts";
import { describe, expect, test } from "../../support/testing.ts";

function adapter(
  schemes: readonly [string, ...string[]],
  more: Partial<ProtocolAdapter> = {},
): ProtocolAdapter {
  const never = () => Promise.reject(new Error("not used here"));
  return {
    schemes,
    addressForm: "url",
    listen: never,
    connect: never,
    ...more,
  };
}

describe("registry of protocols", () => {
  test("finds a protocol by scheme and by alias, and reads the address for it", () => {
    const ws = adapter(["ws", "wss"], {
      aliases: { websocket: "ws", websockets: "wss" },
      defaultPorts: { ws: 80, wss: 443 },
    });
    const own = adapter(["own"], { addressForm: "opaque" });
    const registry = new ProtocolRegistry(ws, own);
    expect(registry.schemes).toEqual([
      "ws",
      "wss",
      "own",
      "websocket",
      "websockets",
    ]);
    const found = registry.resolve("WebSockets://h/p");
    expect(found.adapter).toBe(ws);
    expect(found.address).toEqual({
      scheme: "wss",
      host: "h",
      port: 443,
      path: "/p",
    });
    expect(registry.resolve("own://any thing").address.path).toBe("any thing");
    expect(() => registry.resolve("ws://")).toThrow(InvalidAddressError);
  });

  test("an unknown scheme is refused with the known ones", () => {
    const registry = new ProtocolRegistry(adapter(["tcp"]));
    let caught: unknown;
    try {
      registry.resolve("gopher://h:70");
    } catch (error) {
      caught = error;
    }
    expect(caught).toBeInstanceOf(UnknownSchemeError);
    const refused = caught as UnknownSchemeError;
    expect(refused.code).toBe("UnknownScheme");
    expect(refused.message).toContain('"gopher"; known: tcp');
    expect(refused.knownSchemes).toEqual(["tcp"]);
  });

  test("a scheme is given once, and a refused protocol leaves nothing behind", () => {
    const registry = new ProtocolRegistry(adapter(["tcp"]));
    expect(() => registry.register(adapter(["new", "tcp"]))).toThrow(
      SchemeTakenError,
    );
    expect(() =>
      registry.register(adapter(["new"], { aliases: { tcp: "new" } })),
    ).toThrow(SchemeTakenError);
    expect(() =>
      registry.register(adapter(["new"], { aliases: { other: "tcp" } })),
    ).toThrow(TypeError);
    expect(() => registry.register(adapter(["New"]))).toThrow(TypeError);
    expect(registry.has("new")).toBe(false);
    registry.register(adapter(["new"]));
    expect(registry.has("new")).toBe(true);
  });
});
