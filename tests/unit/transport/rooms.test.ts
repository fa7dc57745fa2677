import { Rooms } from "../../../src/transport/rooms.ts";
import { describe, expect, test } from "../../support/testing.ts";

describe("rooms", () => {
  test("know who is in them, and which ones somebody is in", () => {
    const rooms = new Rooms(10);
    expect(rooms.join("a", "red")).toBe(true);
    expect(rooms.join("a", "red")).toBe(false);
    rooms.join("b", "red");
    rooms.join("a", "blue");
    expect(rooms.members("red")).toEqual(["a", "b"]);
    expect(rooms.roomsOf("a")).toEqual(["red", "blue"]);
    expect(rooms.names).toEqual(["red", "blue"]);
    expect(rooms.members("green")).toEqual([]);
  });

  test("are gone when the last one has left", () => {
    const rooms = new Rooms(10);
    rooms.join("a", "red");
    rooms.join("b", "red");
    rooms.join("a", "blue");
    expect(rooms.leave("a", "red")).toBe(true);
    expect(rooms.leave("a", "red")).toBe(false);
    expect(rooms.leave("nobody", "red")).toBe(false);
    expect(rooms.members("red")).toEqual(["b"]);
    rooms.leaveAll("b");
    rooms.leaveAll("a");
    expect(rooms.names).toEqual([]);
    expect(rooms.roomsOf("a")).toEqual([]);
  });

  test("refuse what is no name, and more than a session may have", () => {
    const rooms = new Rooms(2);
    expect(() => rooms.join("a", "")).toThrow(TypeError);
    expect(() => rooms.join("a", "x".repeat(256))).toThrow(TypeError);
    expect(() => rooms.join("a", 7 as unknown as string)).toThrow(TypeError);
    rooms.join("a", "x".repeat(255));
    rooms.join("a", "two");
    expect(() => rooms.join("a", "three")).toThrow(RangeError);
    rooms.leave("a", "two");
    expect(rooms.join("a", "three")).toBe(true);
  });
});
