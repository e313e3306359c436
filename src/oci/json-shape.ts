/** Reading JSON documents that strangers wrote: every field is checked before anything believes it. */
import { EngineError } from "../base/errors.ts";

export type JsonObject = Readonly<Record<string, unknown>>;

/** One document under inspection; `subject` begins every complaint ("invalid image config"). */
export class JsonShape {
  constructor(private readonly subject: string) {}

  fail(problem: string): never {
    throw new EngineError("invalid", `${this.subject}: ${problem}`);
  }

  /** Throws invalid for bytes above `maxBytes`, bytes that are no UTF-8 and text that is no JSON. */
  parse(bytes: Uint8Array, maxBytes: number): unknown {
    if (bytes.length > maxBytes) this.fail(`${bytes.length} bytes are more than the ${maxBytes} allowed`);
    try {
      return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
    } catch {
      return this.fail("not a JSON document");
    }
  }

  object(value: unknown, at: string): JsonObject {
    if (typeof value !== "object" || value === null || Array.isArray(value))
      this.fail(`${at} is not an object`);
    return value as JsonObject;
  }

  list(value: unknown, at: string, maxItems: number): readonly unknown[] {
    if (!Array.isArray(value)) return this.fail(`${at} is not a list`);
    if (value.length > maxItems) this.fail(`${at} has more than ${maxItems} items`);
    return value;
  }

  text(value: unknown, at: string): string {
    if (typeof value !== "string") return this.fail(`${at} is not a string`);
    if (value.includes("\0")) this.fail(`${at} holds a NUL byte`);
    return value;
  }

  /** Absent, null and the empty string are the same to Docker. */
  optionalText(value: unknown, at: string): string | undefined {
    if (value === undefined || value === null || value === "") return undefined;
    return this.text(value, at);
  }

  optionalFlag(value: unknown, at: string): boolean | undefined {
    if (value === undefined || value === null) return undefined;
    if (typeof value !== "boolean") return this.fail(`${at} is neither true nor false`);
    return value;
  }

  optionalInteger(value: unknown, at: string): number | undefined {
    if (value === undefined || value === null) return undefined;
    if (typeof value !== "number" || !Number.isSafeInteger(value))
      return this.fail(`${at} is not a whole number`);
    return value;
  }

  optionalTexts(value: unknown, at: string, maxItems: number): string[] | undefined {
    if (value === undefined || value === null) return undefined;
    return this.list(value, at, maxItems).map((item, index) => this.text(item, `${at}[${index}]`));
  }

  /** String to string. The result has no prototype's keys in its way: `__proto__` is refused. */
  optionalTextMap(value: unknown, at: string, maxItems: number): Record<string, string> | undefined {
    if (value === undefined || value === null) return undefined;
    const entries = this.entries(value, at, maxItems);
    return Object.fromEntries(entries.map(([key, item]) => [key, this.text(item, `${at}[${key}]`)]));
  }

  /** The keys of Go's `map[string]struct{}`. */
  optionalSet(value: unknown, at: string, maxItems: number): Record<string, object> | undefined {
    if (value === undefined || value === null) return undefined;
    return Object.fromEntries(this.entries(value, at, maxItems).map(([key]) => [key, {}]));
  }

  private entries(value: unknown, at: string, maxItems: number): [string, unknown][] {
    const entries = Object.entries(this.object(value, at));
    if (entries.length > maxItems) this.fail(`${at} has more than ${maxItems} entries`);
    for (const [key] of entries) {
      if (key === "__proto__" || key.includes("\0")) this.fail(`${at} has an impossible key`);
    }
    return entries;
  }
}
