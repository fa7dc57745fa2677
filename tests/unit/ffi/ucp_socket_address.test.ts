import {
  decodeSocketAddress,
  encodeSocketAddress,
} from "../../../ffi/ucp/socket_address.ts";
import { describe, expect, test } from "../../support/testing.ts";

describe("socket addresses", () => {
  test("of IPv4 are 16 bytes, the port in the order of the network", () => {
    const bytes = encodeSocketAddress({ address: "192.0.2.1", port: 0x1234 });
    expect([...bytes]).toEqual([
      2, 0, 0x12, 0x34, 192, 0, 2, 1, 0, 0, 0, 0, 0, 0, 0, 0,
    ]);
  });

  test("of IPv6 are 28 bytes, with the number of the interface", () => {
    const bytes = encodeSocketAddress({ address: "fe80::1%258", port: 1 });
    expect([...bytes]).toEqual([
      10, 0, 0, 1, 0, 0, 0, 0, 0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
      0, 1, 2, 1, 0, 0,
    ]);
  });

  test("survive the round trip, IPv6 in its short form", () => {
    for (const [given, shown] of [
      ["0.0.0.0", "0.0.0.0"],
      ["255.255.255.255", "255.255.255.255"],
      ["::", "::"],
      ["::1", "::1"],
      ["2001:DB8:0:0:0:0:0:1", "2001:db8::1"],
      ["::ffff:192.0.2.1", "::ffff:192.0.2.1"],
      ["fe80::1%7", "fe80::1%7"],
      [
        "1111:2222:3333:4444:5555:6666:7777:8888",
        "1111:2222:3333:4444:5555:6666:7777:8888",
      ],
    ] as const) {
      for (const port of [0, 65_535]) {
        const encoded = encodeSocketAddress({ address: given, port });
        // As C gives it: a sockaddr_storage.
        const storage = new Uint8Array(128);
        storage.set(encoded);
        for (const bytes of [encoded, storage]) {
          expect(decodeSocketAddress(bytes)).toEqual({ address: shown, port });
        }
      }
    }
  });

  test("take the name of an interface", () => {
    const bytes = encodeSocketAddress({ address: "fe80::1%lo", port: 1 });
    expect(decodeSocketAddress(bytes)?.address).toBe("fe80::1%1");
    expect(() =>
      encodeSocketAddress({ address: "fe80::1%nothing0", port: 1 }),
    ).toThrow("no network interface nothing0");
  });

  test("refuse names, nonsense and ports out of range", () => {
    for (const address of [
      "",
      "localhost",
      "1.2.3",
      "1.2.3.256",
      "1.2.3.4%1",
      ":::",
      "::1%",
      "[::1]",
    ]) {
      expect(() => encodeSocketAddress({ address, port: 1 })).toThrow(
        "address must be numeric",
      );
    }
    for (const port of [-1, 65_536, 1.5, Number.NaN]) {
      expect(() => encodeSocketAddress({ address: "127.0.0.1", port })).toThrow(
        "port must be an integer from 0 to 65535",
      );
    }
  });

  test("of other families are none", () => {
    expect(decodeSocketAddress(new Uint8Array(128))).toBeUndefined();
    expect(decodeSocketAddress(new Uint8Array(28).fill(1))).toBeUndefined();
  });
});
