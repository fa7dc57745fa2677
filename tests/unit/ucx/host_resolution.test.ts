import { splitAddress } from "../../../src/ucx/address.ts";
import {
  checkFamily,
  type DeviceAddress,
  deviceAddresses,
  usableFamilies,
} from "../../../src/ucx/address_family.ts";
import {
  UcxRejectedError,
  UcxTimeoutError,
  UcxUnknownHostError,
  UcxUnreachableError,
  UcxUnsupportedError,
} from "../../../src/ucx/errors.ts";
import {
  firstThatWorks,
  resolveHost,
  resolveHostAsync,
} from "../../../src/ucx/resolve.ts";
import { describe, expect, test } from "../../support/testing.ts";

const nobody = "nobody.invalid";

describe("an address", () => {
  test("is text or an object, with IPv6 in brackets", () => {
    expect(splitAddress("example.org:80", 1)).toEqual({
      address: "example.org",
      port: 80,
    });
    expect(splitAddress("[::1]:0", 0)).toEqual({ address: "::1", port: 0 });
    expect(splitAddress({ host: "::1", port: 5 }, 1)).toEqual({
      address: "::1",
      port: 5,
    });
  });

  test("that cannot be read is a TypeError, a port out of range a RangeError", () => {
    for (const text of ["", "host", ":80", "::1:80", "[::1]", "a:b", "a:80x"])
      expect(() => splitAddress(text, 1)).toThrow(TypeError);
    for (const wrong of [null, undefined, 7, {}, { host: "", port: 1 }])
      expect(() => splitAddress(wrong as unknown as string, 1)).toThrow(
        TypeError,
      );
    expect(() => splitAddress("host:65536", 1)).toThrow(RangeError);
    expect(() => splitAddress("host:0", 1)).toThrow(RangeError);
    expect(() => splitAddress({ host: "a", port: 1.5 }, 1)).toThrow(RangeError);
  });
});

describe("a host", () => {
  test("that is an address already is not looked up", async () => {
    for (const address of ["127.0.0.1", "::1", "fe80::1%2"]) {
      const given = { address, port: 7 };
      expect(resolveHost(given)).toEqual([given]);
      expect(await resolveHostAsync(given)).toEqual([given]);
    }
  });

  test("has the same addresses whichever way it is looked up", async () => {
    const given = { address: "localhost", port: 7 };
    const found = resolveHost(given);
    expect(found.map(({ port }) => port)).toEqual(found.map(() => 7));
    const addresses = found.map(({ address }) => address);
    expect(addresses.includes("127.0.0.1")).toBe(true);
    expect(new Set(addresses).size).toBe(addresses.length);
    const others = await resolveHostAsync(given);
    expect(others.some(({ address }) => address === "127.0.0.1")).toBe(true);
  });

  test("that nobody knows is a typed error that names it", async () => {
    const given = { address: nobody, port: 7 };
    let failure: unknown;
    try {
      resolveHost(given);
    } catch (error) {
      failure = error;
    }
    expect(failure instanceof UcxUnknownHostError).toBe(true);
    expect((failure as Error).message.includes(nobody)).toBe(true);
    const other: unknown = await resolveHostAsync(given).catch(
      (error: unknown) => error,
    );
    expect(other instanceof UcxUnknownHostError).toBe(true);
  });
});

describe("the addresses of a host", () => {
  const addresses = ["1.1.1.1", "2.2.2.2", "3.3.3.3"].map((address) => ({
    address,
    port: 1,
  }));

  test("are tried in their order until one works", () => {
    const tried: [string, number][] = [];
    const result = firstThatWorks(addresses, ({ address }, left) => {
      tried.push([address, left]);
      if (address === "1.1.1.1") throw new UcxUnreachableError("no");
      return address;
    });
    expect(result).toBe("2.2.2.2");
    expect(tried).toEqual([
      ["1.1.1.1", 3],
      ["2.2.2.2", 2],
    ]);
  });

  test("are left alone after a failure that they share", () => {
    let attempts = 0;
    expect(() =>
      firstThatWorks(addresses, () => {
        attempts++;
        throw new UcxRejectedError("no");
      }),
    ).toThrow(UcxRejectedError);
    expect(attempts).toBe(1);
  });

  test("fail with the error of the first one that could be used", () => {
    const errors = [
      new UcxUnsupportedError("IPv6"),
      new UcxTimeoutError("late"),
      new UcxUnreachableError("gone"),
    ];
    expect(() =>
      firstThatWorks(addresses, (_address, left) => {
        throw errors[3 - left];
      }),
    ).toThrow(UcxTimeoutError);
  });
});

describe("the family of addresses", () => {
  const v4: DeviceAddress = { family: "inet", address: "192.0.2.2" };
  const v6: DeviceAddress = { family: "inet6", address: "2001:db8::2" };
  const devices = new Map<string, DeviceAddress[]>([
    [
      "lo",
      [
        { family: "inet", address: "127.0.0.1" },
        { ...v6, address: "::1" },
      ],
    ],
    ["eth0", [v4, v6, { ...v6, address: "fe80::1" }]],
    ["eth1", [v6]],
  ]);
  const usable = (
    transports: string,
    names: string,
    priority: string,
  ): string | undefined => {
    const families = usableFamilies(
      { transports, devices: names, priority },
      devices,
    );
    return families === undefined ? undefined : [...families].join();
  };

  test("is what UCX finds first on each of the devices", () => {
    expect(usable("tcp", "eth0", "inet,inet6")).toBe("inet");
    expect(usable("posix,tcp", "eth0", "inet6,inet")).toBe("inet6");
    expect(usable("all", "eth0,eth1", "inet6")).toBe("inet6");
    expect(usable("tcp", "lo", "inet6,inet")).toBe("inet");
  });

  test("is IPv4 where devices differ, or nothing is known", () => {
    expect(usable("tcp", "all", "inet6,inet")).toBe("inet");
    expect(usable("tcp", "eth9", "inet6")).toBe("inet");
  });

  test("does not matter without TCP", () => {
    expect(usable("posix,cma", "all", "inet,inet6")).toBe(undefined);
    expect(usable("^tcp", "all", "inet,inet6")).toBe(undefined);
    expect(usable("^ib", "lo", "inet,inet6")).toBe("inet");
  });

  test("is checked before UCX gets an address that it cannot bear", () => {
    const only4 = new Set(["inet"] as const);
    checkFamily({ address: "127.0.0.1", port: 1 }, only4);
    checkFamily({ address: "::1", port: 1 }, undefined);
    expect(() => checkFamily({ address: "::1", port: 1 }, only4)).toThrow(
      UcxUnsupportedError,
    );
    expect(() =>
      checkFamily(
        { address: "127.0.0.1", port: 1 },
        new Set(["inet6"] as const),
      ),
    ).toThrow(UcxUnsupportedError);
  });

  test("is read from the machine", () => {
    const own = deviceAddresses().get("lo");
    expect(own?.some(({ address }) => address === "127.0.0.1")).toBe(true);
  });
});
