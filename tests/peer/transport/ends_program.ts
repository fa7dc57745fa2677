/** A server or a client in a process of its own: `ends_program.ts server URL` or `ends_program.ts client URL COUNT`. */
import process from "node:process";
import { TransportClient } from "../../../src/transport/client/client.ts";
import { TransportServer } from "../../../src/transport/server/server.ts";

const [role = "", url = "", count = "0"] = process.argv.slice(2);

if (role === "server") {
  const server = await TransportServer.builder().withProtocol(url).build();
  let messages = 0;
  server.onMessage((_, session) => {
    messages += 1;
    session.trySend(`${messages}`);
  });
  server.onRequest((request) =>
    request.text() === "never"
      ? new Promise(() => undefined)
      : `${process.pid} ${request.text()}`,
  );
  console.log(server.addresses[0]);
} else {
  const client = await TransportClient.builder().withProtocol(url).build();
  client.onRequest((request) => `client ${request.text()}`);
  for (let tag = 1; tag <= Number(count); tag++)
    await client.send("a message", { tag });
  const answer = await client.request("ready");
  console.log(`${client.sessionId} ${answer.text()}`);
}
