import type { AddressRule } from "../../../src/transport/address.ts";
import {
  formatAddress,
  parseAddress,
  schemeOf,
} from "../../../src/transport/address.ts";
import { InvalidAddressError } from "../../../src/transport/errors.ts";
import { describe, expect, test } from "../../support/testing.ts";

const tcp: AddressRule = { scheme: "tcp", form: "host" };
const ws: AddressRule = { scheme: "ws", form: "url", defaultPort: 80 };
const unix: AddressRule = { scheme: "unix", form: "path" };

function refusal(given: string, rule: AddressRule): string {
  try {
    parseAddress(given, rule);
  } catch (error) {
    if (error instanceof InvalidAddressError) return error.message;
    throw error;
  }
  return "not refused";
}

describe("addresses", () => {
  test("host and port, names, IPv4 and IPv6", () => {
    const read = (given: string) => {
      const { host, port } = parseAddress(given, tcp);
      return [host, port];
    };
    expect(read("tcp://localhost:7000")).toEqual(["localhost", 7000]);
    expect(read("TCP://LOCALHOST:7000/")).toEqual(["localhost", 7000]);
    expect(read("tcp://127.0.0.1:0")).toEqual(["127.0.0.1", 0]);
    expect(read("tcp://[::1]:65535")).toEqual(["::1", 65_535]);
    expect(read("tcp://[0:0:0:0:0:0:0:1]:1")).toEqual(["::1", 1]);
    expect(read("tcp://[fe80::1%eth0]:1")).toEqual(["fe80::1%eth0", 1]);
    expect(read("tcp://my_host.example.com.:1")).toEqual([
      "my_host.example.com.",
      1,
    ]);
    expect(read("tcp://münchen.example:1")).toEqual([
      "xn--mnchen-3ya.example",
      1,
    ]);
  });

  test("what is wrong is said together with what is allowed", () => {
    for (const [given, said] of [
      ["tcp://localhost", "the port is missing"],
      ["tcp://localhost:", "the port is missing"],
      ["tcp://:7000", "the host is missing"],
      ["tcp://localhost:65536", "65536 is not within 0…65535"],
      ["tcp://localhost:7e3", "7e3 is not within 0…65535"],
      ["tcp://::1:7000", "an IPv6 address needs brackets"],
      ["tcp://[::g]:7000", "no IPv6 address"],
      ["tcp://[::1]x:7000", "an IPv6 address needs brackets"],
      ["tcp://1.2.3:7000", "1.2.3 is no IPv4 address"],
      ["tcp://1.2.3.256:7000", "1.2.3.256 is no IPv4 address"],
      ["tcp://a b:7000", "no host name"],
      ["tcp://-a:7000", "no host name"],
      ["tcp://me:secret@localhost:7000", "no user or password"],
      ["tcp://localhost:7000/path", "there is no path"],
      ["tcp://localhost:7000\n", "control characters"],
    ] as const) {
      const message = refusal(given, tcp);
      expect(message).toContain(said);
      expect(message).toContain(JSON.stringify(given));
      expect(message).toContain("allowed tcp:// and host:port");
    }
  });

  test("an address without a scheme is refused, one that is no string is a TypeError", () => {
    expect(() => schemeOf("localhost:7000")).toThrow(InvalidAddressError);
    expect(() => schemeOf(7000 as unknown as string)).toThrow(TypeError);
    expect(schemeOf("Unix:///x")).toBe("unix");
  });

  test("URLs have a path, a query and a port by default", () => {
    const read = (given: string) => {
      const { host, port, path } = parseAddress(given, ws);
      return [host, port, path];
    };
    expect(read("ws://h/a?b=c")).toEqual(["h", 80, "/a?b=c"]);
    expect(read("ws://h:81")).toEqual(["h", 81, "/"]);
    expect(read("ws://h?x")).toEqual(["h", 80, "/?x"]);
    expect(refusal("ws://h/#x", ws)).toContain("no fragment");
    expect(refusal("ws://h:/", ws)).toContain("the port is missing");
  });

  test("paths are absolute or relative, with escapes undone", () => {
    const read = (given: string) => parseAddress(given, unix).path;
    expect(read("unix:///run/x.sock")).toBe("/run/x.sock");
    expect(read("unix://x.sock")).toBe("x.sock");
    expect(read("unix://./x.sock")).toBe("./x.sock");
    expect(read("unix:///a%20b%25%3F")).toBe("/a b%?");
    expect(read("unix:///ü")).toBe("/ü");
    for (const [given, said] of [
      ["unix://", "name of the file is missing"],
      ["unix:///run/", "name of the file is missing"],
      ["unix:///x?y", "%3F"],
      ["unix:///100%", "hexadecimal"],
      ["unix:///a%00b", "NUL"],
      ["unix://@name", "abstract"],
    ] as const)
      expect(refusal(given, unix)).toContain(said);
  });

  test("what is written can be read again", () => {
    for (const [given, rule] of [
      ["tcp://[::1]:7000", tcp],
      ["tcp://localhost:0", tcp],
      ["ws://h:81/a?b", ws],
      ["unix:///a b%?#/ü", { ...unix, form: "opaque" }],
      ["unix://./@x", unix],
    ] as const) {
      const address = parseAddress(given, rule);
      const again = parseAddress(
        formatAddress(address),
        rule.form === "opaque" ? unix : rule,
      );
      expect(again).toEqual(address);
    }
  });
});
