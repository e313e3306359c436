/** What the engine answers about files in containers (Engine API 1.50). */

/** `X-Docker-Container-Path-Stat`, base64 of this as JSON. */
export interface PathStat {
  name: string;
  size: number;
  /** Go's os.FileMode: permissions in the low nine bits, see GO_MODE for the rest. */
  mode: number;
  /** RFC 3339. */
  mtime: string;
  linkTarget: string;
}

/** Bits of Go's os.FileMode above the permissions (io/fs, FileMode). */
export const GO_MODE = {
  directory: 0x80000000,
  symlink: 0x08000000,
  device: 0x04000000,
  irregular: 0x00080000,
} as const;

/** `GET /containers/{id}/changes`. Kind 0: changed, 1: added, 2: removed. */
export interface FileChange {
  Path: string;
  Kind: 0 | 1 | 2;
}
