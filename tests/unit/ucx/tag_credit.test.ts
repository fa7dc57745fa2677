import type { ControlMessage } from "../../../src/ucx/core/control_messages.ts";
import { Endpoint } from "../../../src/ucx/core/endpoint.ts";
import { TagCredit } from "../../../src/ucx/core/tag_credit.ts";
import { describe, expect, test } from "../../support/testing.ts";

function fixture(creditMessages: number) {
  const sent: ControlMessage[] = [];
  const credit = new TagCredit({
    raw: false,
    creditMessages,
    sendControl: (_endpoint, message) => sent.push(message),
  });
  const endpoint = new Endpoint({
    id: 1,
    wireId: 1,
    remoteAddress: "",
    initiated: true,
    raw: false,
  });
  endpoint.state = "open";
  endpoint.granted = creditMessages;
  endpoint.grantAt = Math.ceil(creditMessages / 2);
  return { credit, endpoint, sent };
}

describe("the credit of a connection", () => {
  test("is renewed when half of it was taken, and told in total", () => {
    const { credit, endpoint, sent } = fixture(8);
    for (let count = 0; count < 3; count++) credit.took(endpoint);
    expect(sent.length).toBe(0);
    credit.took(endpoint);
    expect(sent.length).toBe(1);
    expect(endpoint.granted).toBe(12);
    for (let count = 0; count < 4; count++) credit.took(endpoint);
    expect(endpoint.granted).toBe(16);
    expect(sent[1]?.kind).toBe("credit");
  });

  test("that is used up is told to the peer once for each limit", () => {
    const { credit, endpoint, sent } = fixture(8);
    endpoint.sendLimit = 2;
    expect(credit.maySend(endpoint)).toBe(true);
    endpoint.sent = 2;
    expect(credit.maySend(endpoint)).toBe(false);
    expect(credit.maySend(endpoint)).toBe(false);
    expect(sent.map(({ kind }) => kind)).toEqual(["starved"]);
    endpoint.sendLimit = 3;
    endpoint.sent = 3;
    expect(credit.maySend(endpoint)).toBe(false);
    expect(sent.length).toBe(2);
  });

  test("of a peer that waits is a deadlock only while a receive waits too", () => {
    const { credit, endpoint } = fixture(8);
    credit.onStarved(endpoint, 8);
    expect(credit.starvedCount).toBe(1);
    expect(endpoint.peerStarved).toBe(true);
    expect(credit.deadlocked()).toEqual([]);
    credit.waits(endpoint);
    expect(credit.deadlocked().length).toBe(1);
    credit.waitsNoMore(endpoint);
    expect(credit.deadlocked()).toEqual([]);
    credit.waits(undefined);
    expect(credit.deadlocked().length).toBe(1);
    credit.waitsNoMore(undefined);
    credit.waits(endpoint);
    credit.grant(endpoint);
    expect(credit.starvedCount).toBe(0);
    expect(endpoint.peerStarved).toBe(false);
    expect(credit.deadlocked()).toEqual([]);
  });

  test("that has crossed the news of a waiting peer is left as it is", () => {
    const { credit, endpoint } = fixture(8);
    for (let count = 0; count < 4; count++) credit.took(endpoint);
    credit.onStarved(endpoint, 8);
    expect(credit.starvedCount).toBe(0);
    credit.onStarved(endpoint, 12);
    expect(credit.starvedCount).toBe(1);
  });

  test("of a closed connection is nobody's concern", () => {
    const { credit, endpoint } = fixture(8);
    credit.waits(undefined);
    credit.onStarved(endpoint, 8);
    endpoint.state = "closed";
    expect(credit.deadlocked()).toEqual([]);
    expect(credit.starvedCount).toBe(0);
  });
});
