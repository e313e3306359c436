import { EngineError } from "../../../base/errors.ts";
import type { Snapshots } from "../../../store/images.ts";

/** The snapshots' port without a file system. */
export class MemorySnapshots implements Snapshots {
  readonly driver = "memory";
  readonly keys = new Map<string, string | undefined>();
  bytes = 4096;

  async prepare(key: string, parent: string | undefined): Promise<void> {
    if (this.keys.has(key)) throw new EngineError("alreadyExists", `snapshot ${key} already exists`);
    this.keys.set(key, parent);
  }

  async root(key: string): Promise<{ lowerDirs: string[]; upperDir: string; workDir: string }> {
    if (!this.keys.has(key)) throw new EngineError("notFound", `snapshot ${key} not found`);
    return { lowerDirs: ["/layer"], upperDir: `/${key}/fs`, workDir: `/${key}/work` };
  }

  async remove(key: string): Promise<void> {
    this.keys.delete(key);
  }

  async usage(): Promise<number> {
    return this.bytes;
  }

  async active(): Promise<string[]> {
    return [...this.keys.keys()];
  }
}
