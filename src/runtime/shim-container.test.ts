import { describe, expect, test } from "bun:test";
import { EngineError } from "../base/errors.ts";
import { newContainerId } from "../base/ids.ts";
import type { ProcessStream, ShimSession, StreamSelection } from "../kernel/shim-session.ts";
import type { OciRuntimeConfig } from "../oci/runtime-config.ts";
import { CgroupsV2 } from "./cgroups/v2.ts";
import type { ExecSpec } from "./container-runtime.ts";
import { ShimContainer } from "./shim-container.ts";
import { buildRuntimeConfig } from "./spec/build-runtime-config.ts";
import { specInput, V2_MACHINE } from "./spec/spec-fixture.ts";

const BOTH: StreamSelection = { stdin: false, stdout: true, stderr: true };
const SPEC: ExecSpec = {
  ...{ args: ["ls"], env: [], cwd: "/", user: { spec: "", additionalGroups: [] }, tty: false },
  ...{ rows: 0, columns: 0, openStdin: false, detached: false, privileged: false },
};

/** A container over a session that the test plays. */
function containerOver(session: Partial<ShimSession>): {
  container: ShimContainer;
  config: OciRuntimeConfig;
} {
  if (V2_MACHINE.cgroups.version !== 2) throw new Error("fixtures exchanged");
  const played = { closed: new Promise<void>(() => {}), onExit: () => {}, close: () => {}, ...session };
  const container = new ShimContainer({
    ...{ id: newContainerId(), session: played as ShimSession, pid: 5, startedAtNs: 1n },
    ...{ cgroups: new CgroupsV2(V2_MACHINE.cgroups), cgroupsPath: "/berth/x", capabilityBounds: 0n },
    ...{ firstExec: 7, readExit: () => undefined, reconnect: () => Promise.reject(new Error("gone")) },
  });
  return { container, config: buildRuntimeConfig(specInput(), V2_MACHINE) };
}

describe("one more process", () => {
  test("a program whose output cannot be attached is killed: it waits for its first client", async () => {
    const signals: number[][] = [];
    const { container, config } = containerOver({
      exec: async () => ({ pid: 9 }),
      attach: () => Promise.reject(new EngineError("unavailable", "the shim is gone")),
      signal: async (process, signal) => void signals.push([process, signal]),
    });
    await expect(container.exec(config, SPEC, BOTH)).rejects.toThrow("the shim is gone");
    expect(signals).toEqual([[7, 9]]);
  });

  test("the client of a program that could not be started is let go", async () => {
    const closed = Promise.withResolvers<string>();
    const stream = { close: () => closed.resolve("closed") } as ProcessStream;
    const { container, config } = containerOver({
      exec: () => Promise.reject(new EngineError("invalid", "no such program")),
      attach: async () => stream,
    });
    await expect(container.exec(config, SPEC, BOTH)).rejects.toThrow("no such program");
    expect(await closed.promise).toBe("closed");
  });
});
