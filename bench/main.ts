/**
 * `make bench`: what berth costs against the kernel's floor and against Docker, measured in one run, as ratios.
 * With a dockerd on the PATH or in BERTH_BENCH_DOCKERD the lines against Docker are printed as well. BERTH_BENCH=containers
 * or =images leaves the other half out.
 */
import { TestDaemon } from "../test/support/daemon.ts";
import { benchContainers } from "./containers.ts";
import { benchImages } from "./images.ts";
import { print } from "./measure.ts";
import { type Peer, startDocker } from "./peers.ts";

const PARTS = { containers: benchContainers, images: benchImages };

async function measured(part: (daemon: TestDaemon, docker: Peer | undefined) => Promise<void>) {
  const daemon = new TestDaemon();
  const docker = await startDocker();
  if (docker === undefined) print("No dockerd: the lines against Docker are left out.");
  try {
    await daemon.start(["--log-level", "info"]);
    await part(daemon, docker);
  } finally {
    await daemon.dispose();
    await docker?.stop();
  }
}

const wanted = process.env.BERTH_BENCH;
for (const [name, part] of Object.entries(PARTS)) {
  if (wanted === undefined || wanted === "" || wanted === name) await measured(part);
}
