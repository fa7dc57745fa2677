/** Who is in which room. A room is there as long as somebody is in it. */

/** Rooms of a server, by the ids of sessions. */
export class Rooms {
  readonly #members = new Map<string, Set<string>>();
  readonly #rooms = new Map<string, Set<string>>();
  readonly #roomsPerSessionMax: number;

  /** @param roomsPerSessionMax rooms that one session may be in */
  constructor(roomsPerSessionMax: number) {
    this.#roomsPerSessionMax = roomsPerSessionMax;
  }

  /** Rooms with somebody in them. */
  get names(): readonly string[] {
    return [...this.#members.keys()];
  }

  /**
   * Puts a session into a room.
   *
   * @returns false when it is there already
   * @throws {TypeError} when the name is no string of 1 to 255 characters
   * @throws {RangeError} when the session is in as many rooms as it may be
   */
  join(sessionId: string, room: string): boolean {
    if (typeof room !== "string" || room.length < 1 || room.length > 255)
      throw new TypeError(
        `room: given ${typeof room === "string" ? `${room.length} characters` : typeof room}, allowed a string of 1 to 255 characters`,
      );
    const rooms = this.#rooms.get(sessionId) ?? new Set();
    if (rooms.has(room)) return false;
    if (rooms.size >= this.#roomsPerSessionMax)
      throw new RangeError(
        `session ${sessionId}: in ${rooms.size} rooms, allowed at most ${this.#roomsPerSessionMax}`,
      );
    rooms.add(room);
    this.#rooms.set(sessionId, rooms);
    const members = this.#members.get(room) ?? new Set();
    members.add(sessionId);
    this.#members.set(room, members);
    return true;
  }

  /** Takes a session out of a room. @returns false when it was not there */
  leave(sessionId: string, room: string): boolean {
    const rooms = this.#rooms.get(sessionId);
    if (rooms?.delete(room) !== true) return false;
    if (rooms.size === 0) this.#rooms.delete(sessionId);
    const members = this.#members.get(room);
    members?.delete(sessionId);
    if (members?.size === 0) this.#members.delete(room);
    return true;
  }

  /** Takes a session out of all rooms. */
  leaveAll(sessionId: string): void {
    for (const room of this.roomsOf(sessionId)) this.leave(sessionId, room);
  }

  /** The rooms that a session is in. */
  roomsOf(sessionId: string): readonly string[] {
    return [...(this.#rooms.get(sessionId) ?? [])];
  }

  /** The sessions in a room. */
  members(room: string): readonly string[] {
    return [...(this.#members.get(room) ?? [])];
  }
}
