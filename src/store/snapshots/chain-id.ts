import { sha256 } from "../../host/hashing.ts";

/** The chain id of each layer, bottom first (OCI image-spec config.md, "Layer ChainID"): what a layer is on its parents. */
export function chainIds(diffIds: readonly string[]): string[] {
  const chain: string[] = [];
  for (const diffId of diffIds) {
    const parent = chain.at(-1);
    chain.push(parent === undefined ? diffId : `sha256:${sha256(`${parent} ${diffId}`)}`);
  }
  return chain;
}
