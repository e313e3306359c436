/** Peers that do not behave, on the shim's socket. */
import { describe, expect, test } from "bun:test";
import { connect, type Socket } from "node:net";
import { encodeFrame, FrameParser, PayloadWriter, type ReceivedFrame } from "../../../src/kernel/frames.ts";
import { Frame, PROTOCOL_VERSION, Role, Stdio } from "../../../src/kernel/protocol.ts";
import {
  collect,
  launchPlan,
  OUTPUT,
  prepare,
  type RunningShim,
  run,
  shell,
  withShims,
} from "./shim-fixture.ts";

const fixture = withShims();

interface RawPeer {
  readonly socket: Socket;
  /** What came until the shim hung up. */
  readonly frames: Promise<ReceivedFrame[]>;
}

function open(shim: RunningShim): RawPeer {
  const socket = connect(shim.path("shim.sock"));
  const frames: ReceivedFrame[] = [];
  const parser = new FrameParser();
  const closed = new Promise<ReceivedFrame[]>((resolve) => {
    socket.on("data", (chunk) => frames.push(...parser.push(Buffer.from(chunk))));
    // A reset: the shim hung up with bytes of ours unread. The close that follows is what counts.
    socket.on("error", () => {});
    socket.on("close", () => resolve(frames));
  });
  return { socket, frames: closed };
}

function hello(version: number, role: number): Uint8Array {
  return encodeFrame(Frame.HELLO, 0, new PayloadWriter().u32(version).u32(role).finish());
}

const attach = (process: number) =>
  encodeFrame(Frame.ATTACH, 1, new PayloadWriter().u32(process).u32(7).finish());

describe("a peer that does not speak the protocol is dropped, and nobody else notices", () => {
  test.each<[string, Uint8Array]>([
    ["noise", crypto.getRandomValues(new Uint8Array(10_000)).fill(0xff, 0, 12)],
    ["no greeting", encodeFrame(Frame.STATE, 1)],
    ["a greeting that is too short", encodeFrame(Frame.HELLO, 0, Uint8Array.of(1))],
    ["an unknown role", hello(PROTOCOL_VERSION, 9)],
    [
      "a request on a stream",
      Buffer.concat([hello(PROTOCOL_VERSION, Role.STREAM), encodeFrame(Frame.ABANDON, 1)]),
    ],
    [
      "input without attaching",
      Buffer.concat([hello(PROTOCOL_VERSION, Role.STREAM), encodeFrame(Frame.STDIN, 0)]),
    ],
    [
      "input in a frame that is too large",
      Buffer.concat([
        hello(PROTOCOL_VERSION, Role.STREAM),
        attach(0),
        encodeFrame(Frame.STDIN, 0, new Uint8Array(3 << 20)),
      ]),
    ],
  ])("%s", async (_name, bytes) => {
    const { shim, stream } = await run(fixture, Stdio.STDIN_OPEN, shell("read a; echo got $a"));
    const peer = open(shim);
    peer.socket.write(bytes);
    await peer.frames;
    await stream.write(Buffer.from("it\n"));
    expect((await collect(stream)).stdout).toBe("got it\n");
  });

  test("one of another version is told ours", async () => {
    const shim = await fixture.start();
    const peer = open(shim);
    peer.socket.write(hello(PROTOCOL_VERSION + 1, Role.STREAM));
    expect((await peer.frames).map((frame) => frame.type)).toEqual([Frame.HELLO]);
  });

  test("one that hangs up inside a frame", async () => {
    const shim = await fixture.start();
    const peer = open(shim);
    peer.socket.end(hello(PROTOCOL_VERSION, Role.CONTROL).subarray(0, 15));
    await peer.frames;
    expect(await shim.session.state()).toMatchObject({ phase: "empty" });
  });
});

test("more clients than the shim takes are turned away", async () => {
  const shim = await fixture.start();
  await prepare(shim);
  const peers = Array.from({ length: 300 }, () => open(shim));
  const turnedAway = peers.map((peer) => peer.frames.then(() => peer));
  // 256 in all, the daemon's own connection among them.
  const gone = new Set<RawPeer>();
  while (gone.size < 300 - 255)
    gone.add(await Promise.race(turnedAway.filter((_, i) => !gone.has(peers[i] as RawPeer))));
  await shim.session.state();
  for (const peer of peers) peer.socket.destroy();
  await Promise.all(turnedAway);
  await shim.session.launch(launchPlan(Stdio.HOLD, shell("echo still here")));
  expect((await collect(await shim.session.attach(0, OUTPUT))).stdout).toBe("still here\n");
});
