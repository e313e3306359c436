import { createHash } from "node:crypto";

/** The chain id of each layer, bottom first (OCI image-spec config.md, "Layer ChainID"): what a layer is on its parents. */
export function chainIds(diffIds: readonly string[]): string[] {
  const chain: string[] = [];
  for (const diffId of diffIds) {
    const parent = chain.at(-1);
    chain.push(
      parent === undefined
        ? diffId
        : `sha256:${createHash("sha256").update(`${parent} ${diffId}`).digest("hex")}`,
    );
  }
  return chain;
}
