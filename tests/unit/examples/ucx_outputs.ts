/** What each example of UCX prints, with N for what it measured. */
export const ucxOutputs: Readonly<Record<string, string>> = {
  "client_server.ts": `GET /status -> all is well
ECHO hello -> hello
nonsense -> unknown request: nonsense
sent 4, received 3
the server: answered 3
the server ended with 0
`,
  "peer_to_peer.ts": `red sent to 2 and heard: hello from blue, hello from green
green sent to 2 and heard: hello from blue, hello from red
blue sent to 2 and heard: hello from green, hello from red
`,
  "streams.ts": `begins with "line 1"
100000 lines came, 1088895 bytes
the sender: 100000 lines were sent
the sender ended with 0
`,
  "remote_memory.ts": `4096 bytes, may be written: true
the counter was 1000
read back: "written there"
the owner: counter 1024
the owner: text "written there"
`,
  "active_messages.ts": `the server handled: add 2, add 40
the total is 42
`,
  "async_client_server.ts": `PING -> PONG
ECHO:hello -> REPLY:hello
Hello, async UCX! -> RECEIVED:Hello, async UCX!
the server: 1 connections were served
the server ended with 0
`,
  "threads.ts": `8 clients were served by 2 threads
threads have 4 and 4 connections
the server ended with 0
`,
  "ping_pong.ts": `300 of 300 pings were answered
there and back: median N µs
request: PONG
ping within a second: true
`,
  "concurrent_sends.ts": `20 of 20 questions at once were answered
burst 0: sent
burst 1: sent
burst 2: RangeError
tag 102: PONG
tag 101: REPLY:second
tag 100: REPLY:first
`,
  "timeouts.ts": `connect: in time
request: in time
receive: out of time
look: out of time
receive: given up: the user has left
receive: given up: the user has left
request: in time
connect to nobody: failed: UcxUnreachable
`,
  "batch.ts": `100 messages were sent
100 answers came
counted: 100 sent, 100 received
`,
  "connection_pool.ts": `REPLY:task 0, REPLY:task 1, REPLY:task 2, REPLY:task 3, REPLY:task 4, REPLY:task 5
2 connections were made, and used again 4 times
now 0 in use, 2 idle
`,
  "priorities.ts": `RECEIVED:low 1
RECEIVED:high 1
RECEIVED:high 2
RECEIVED:high 3
RECEIVED:normal 1
RECEIVED:normal 2
RECEIVED:high 4
RECEIVED:normal 3
RECEIVED:normal 4
RECEIVED:low 2
RECEIVED:low 3
RECEIVED:low 4
sent: high 4, normal 4, low 4
`,
  "retry.ts": `first server: REPLY:one at once
the server was killed: UcxConnectionReset
second server: REPLY:two after retries
`,
  "connection_monitor.ts": `heartbeat 1 was answered
heartbeat 2 was answered
heartbeat 3 was answered
frozen: UcxTimeout
well again: true
killed: UcxConnectionReset
the monitor has failed
`,
  "performance_metrics.ts": `one receive was out of time
messages sent       250
messages received   250
bytes sent          1000
bytes received      1000
errors              1
seconds             N
latency ms          p50 N, p99 N, max N (250)
p99 below a second: true
manager: 250 sent, 250 received, 1 connection
`,
  "async_streams.ts": `2000 lines came, the last is "line 2000"
closed by peer, in order: true
the sender ended with 0
`,
};

/** Puts N where figures are that differ from run to run. */
export function withoutMeasurements(output: string): string {
  return output
    .replaceAll(/\d+ µs/g, "N µs")
    .replaceAll(/\b\d+\.\d{3}\b/g, "N");
}
