/** The keys that take a terminal's client away from its container, `ctrl-p,ctrl-q` unless told otherwise. */
import { EngineError } from "../base/errors.ts";

export const DEFAULT_DETACH_KEYS: readonly number[] = [0x10, 0x11];

const CONTROL_KEYS = "@abcdefghijklmnopqrstuvwxyz[\\]^_";
const DELETE_KEY = 127;

/**
 * Reads `ctrl-<key>` (a-z, @, [, \, ], ^, _), `DEL` and single characters, separated by commas.
 * Throws invalid: `Unknown character: '…'`.
 */
export function parseDetachKeys(text: string): number[] {
  return text.split(",").map((key) => {
    const code = codeOf(key);
    if (code === undefined) throw new EngineError("invalid", `Unknown character: '${key}'`);
    return code;
  });
}

function codeOf(key: string): number | undefined {
  // Docker counts bytes: a single character outside of ASCII is none.
  if (key.length === 1) return key.charCodeAt(0) < 0x80 ? key.charCodeAt(0) : undefined;
  if (key === "DEL") return DELETE_KEY;
  const control = key.startsWith("ctrl-") && key.length === 6 ? CONTROL_KEYS.indexOf(key.charAt(5)) : -1;
  return control === -1 ? undefined : control;
}

/**
 * Finds the keys in what a client types, also when they arrive in several pieces. What turns out to be no detaching is
 * passed on unchanged and in order; the keys themselves are swallowed.
 */
export class DetachScanner {
  readonly #keys: Uint8Array;
  /** How many of the keys the input so far ends with; they are held back. */
  #matched = 0;

  constructor(keys: readonly number[] = DEFAULT_DETACH_KEYS) {
    this.#keys = Uint8Array.from(keys);
  }

  /** `passed` is what the program gets; after `detached` nothing else does. */
  push(chunk: Uint8Array): { readonly passed: Uint8Array; readonly detached: boolean } {
    if (this.#keys.length === 0) return { passed: chunk, detached: false };
    const passed = new Uint8Array(this.#matched + chunk.length);
    let length = 0;
    for (const byte of chunk) {
      const kept = this.#advance(byte);
      if (this.#matched === this.#keys.length) return { passed: passed.subarray(0, length), detached: true };
      // The bytes that no longer belong to a match are the front of the keys, then the byte itself if it is part of none.
      const released = kept.released;
      passed.set(this.#keys.subarray(0, released), length);
      length += released;
      if (kept.literal) passed[length++] = byte;
    }
    return { passed: passed.subarray(0, length), detached: false };
  }

  /** What was held back when the input ended in the middle of the keys. */
  flush(): Uint8Array {
    const held = this.#keys.slice(0, this.#matched);
    this.#matched = 0;
    return held;
  }

  #advance(byte: number): { released: number; literal: boolean } {
    const before = this.#matched;
    // The longest match that ends with this byte: "a,a,b" is found in "aaab".
    for (let length = before + 1; length > 0; length--) {
      if (this.#endsWith(before, byte, length)) {
        this.#matched = length;
        return { released: before + 1 - length, literal: false };
      }
    }
    this.#matched = 0;
    return { released: before, literal: true };
  }

  /** Whether `keys[0..before)` followed by `byte` ends with `keys[0..length)`. */
  #endsWith(before: number, byte: number, length: number): boolean {
    if (this.#keys[length - 1] !== byte) return false;
    const shift = before + 1 - length;
    for (let index = 0; index < length - 1; index++) {
      if (this.#keys[index] !== this.#keys[index + shift]) return false;
    }
    return true;
  }
}
